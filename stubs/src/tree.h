/* Folders as a whole: making what an index lists, removing what this program made. */
#ifndef SFX_TREE_H
#define SFX_TREE_H

#include "index.h"
#include "modes.h"
#include "relocate.h"

/* What of an artifact goes where. */
struct sfx_tree {
    const struct sfx_index *index;
    const struct sfx_prefix *prefix;     /* it is rendered for */
    int directory;                       /* open; entries are made below it, nothing of them exists yet */
    const char *shown;                   /* its path, for messages */
    const char *final;                   /* the path it will have */
    const uint8_t *wanted;               /* one byte an entry, not zero: make it; NULL: all */
    enum sfx_modes modes;                /* of what is made */
    bool exact_modes;                    /* created things have the modes given, or setting them is no use */
    uint64_t time_step;                  /* seconds; 2 on FAT */
};

/* Find out exact_modes and time_step by a file that is made and removed. */
enum sfx_error sfx_tree_probe(struct sfx_tree *tree, struct sfx_fault *fault);
bool sfx_tree_wants(const struct sfx_tree *tree, uint32_t entry);
/* The mtime ENTRY gets on this file system. */
uint64_t sfx_tree_mtime(const struct sfx_tree *tree, const struct sfx_entry *entry);
/* The mode ENTRY gets, and that of a file until sfx_tree_finish: this user can read it back. */
uint32_t sfx_tree_mode(const struct sfx_tree *tree, const struct sfx_entry *entry);
uint32_t sfx_tree_file_mode(const struct sfx_tree *tree, const struct sfx_entry *entry);
/* Directories, all writable for their owner. First of all. */
enum sfx_error sfx_tree_directories(const struct sfx_tree *tree, struct sfx_fault *fault);
/* Hard links and links. After all files. */
enum sfx_error sfx_tree_links(const struct sfx_tree *tree, struct sfx_fault *fault);
/* Final modes and times, deepest first. Last of all. */
enum sfx_error sfx_tree_finish(const struct sfx_tree *tree, struct sfx_fault *fault);

/* Remove NAME in DIRECTORY and everything below, following no link and entering no other file system. What does not
 * exist counts as removed. A directory named LAST in it, if not NULL, is removed after all else. */
int sfx_tree_remove(int directory, const char *name, const char *last);
#define SFX_MOVED_UP ".sfxpack-deep-"       /* how it calls what lies too deep, for a while */
/* A copy of a file with its mode and time, where a hard link is not possible. */
int sfx_copy_file(int from_directory, const char *from, int directory, const char *path);

#endif
