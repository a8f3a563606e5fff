/* The operating system, as the stub uses it: every system call and every #ifdef ends behind this header.
 *
 * Functions that return `int` give 0 or an errno; the caller knows which path to name. Those that return
 * `enum sfx_error` fill the fault themselves. EINTR is retried everywhere but in sfx_os_read_line. A path is relative to
 * DIRECTORY, an open directory or SFX_OS_HERE; the last component is never followed if it is a link, unless said so. */
#ifndef SFX_OS_H
#define SFX_OS_H

#include <stddef.h>

#include "errors.h"
#include "fault.h"
#include "relocate.h"

#define SFX_OS_HERE (-1)                 /* the working directory, or an absolute path */
#define SFX_OS_APPEND UINT64_MAX         /* sfx_os_write_segments: at the file's position */

/* Files */
enum sfx_error sfx_os_open_read(const char *path, int *ret_fd, struct sfx_fault *fault);    /* follows links */
enum sfx_error sfx_os_size(int fd, uint64_t *ret_size, struct sfx_fault *fault);            /* of a regular file */
enum sfx_error sfx_os_pread(int fd, void *buffer, size_t size, uint64_t offset, struct sfx_fault *fault); /* all SIZE bytes */

enum sfx_os_access {
    SFX_OS_READ,
    SFX_OS_WRITE,                        /* of a file that exists */
    SFX_OS_ADD,                          /* the same, at its end */
    SFX_OS_DIRECTORY,                    /* for the calls below; fails on a link */
    SFX_OS_DIRECTORY_FOLLOW,             /* the same through a link */
};
int sfx_os_open(int directory, const char *path, enum sfx_os_access access, int *ret_fd);
int sfx_os_create(int directory, const char *path, uint32_t mode, int *ret_fd);             /* write only, must not exist */
/* A log to be added to; made with the mode that the caller of this program gives new files. */
int sfx_os_open_log(const char *path, int *ret_fd);
void sfx_os_path(int fd, char ret_path[SFX_MAX_PATH + 1]);                                  /* for messages; as far as it is known */
int sfx_os_close(int fd);
/* Close what was written: ERROR, else that of closing, by which network file systems tell that a disk or quota is full. */
static inline int sfx_os_finish(int *fd, int error)
{
    int closed = *fd >= 0 ? sfx_os_close(*fd) : 0;
    *fd = -1;
    return error ? error : closed;
}
void sfx_os_closep(int *fd);                                                                /* cleanup attribute; < 0: nothing */
int sfx_os_read(int fd, void *buffer, size_t size, size_t *ret_size);                       /* less only at the end */
int sfx_os_write(int fd, const void *data, size_t size);
int sfx_os_write_segments(int fd, const struct sfx_segment *segments, size_t count, uint64_t offset);
int sfx_os_truncate(int fd, uint64_t size);
int sfx_os_map(int fd, uint64_t size, const uint8_t **ret_data);                            /* read only; size > 0 */
void sfx_os_unmap(const uint8_t *data, uint64_t size);
void sfx_os_drop(const uint8_t *data, size_t size);                                         /* part of a map: read again if used again */
int sfx_os_set_time(int fd, uint64_t mtime);
int sfx_os_set_time_at(int directory, const char *path, uint64_t mtime);
bool sfx_os_has_modes(void);                                                                /* else setting them does nothing */
int sfx_os_set_mode(int fd, uint32_t mode);
int sfx_os_set_mode_at(int directory, const char *path, uint32_t mode);                     /* never of a link */
/* Mode, times, extended attributes, and owner where this user may give it, of the open file FROM. */
int sfx_os_copy_attributes(int from, int to);
int sfx_os_sync_file(int fd);                                                               /* also of a directory */
int sfx_os_sync_system(int fd);                                                             /* the file system FD, a folder, is on */
/* Whether files that are closed from now on shall be on the disk after sfx_os_sync_system. */
void sfx_os_keep_writes(bool keep);

/* Paths, in this program: absolute, `/` in between; on Windows `C:/folder`, `//server/share/folder`. */
/* TYPED by people, made absolute, not yet normalised; malloced. Refused: what this system takes for something else. */
enum sfx_error sfx_os_typed_path(const char *typed, char **ret_path, struct sfx_fault *fault);
size_t sfx_os_root_size(const char *path);                                                  /* bytes of `/`, `C:/`, `//server/share/`; 0: relative */
bool sfx_os_same_path(const char *a, const char *b);                                        /* by the letters alone */
char *sfx_os_native(const char *path);                                                      /* as this system spells it; malloced, NULL without memory */
void sfx_os_from_native(char *path);                                                        /* back, in place */
void sfx_os_show_paths(char *message);                                                      /* absolute ones in it as this system spells them */
char *sfx_os_quote(const char *word);                                                       /* for the command line of this system; malloced, NULL without memory */
char *sfx_os_home(void);                                                                    /* of this user; malloced, NULL if unknown */
char *sfx_os_expand(const char *text);                                                      /* with the variables that this system has in paths; malloced, NULL without memory */
int sfx_os_programs(char **ret_path);                                                       /* where this user's programs go by default; malloced */
bool sfx_os_is_home(const char *path);                                                      /* of a user who can log in */
bool sfx_os_is_reserved(const char *path);                                                  /* nobody installs right there */
#define SFX_TOOL SFX_STATE_DIRECTORY "/sfx"                                                  /* in messages; Windows finds it without `.exe` too */
extern const char sfx_os_tool[];                                                            /* the file of SFX_TOOL */
extern const char sfx_os_divider;                                                           /* in search paths */
size_t sfx_os_common_path(void);                                                            /* characters (UTF-16) of a path that all programs take; SIZE_MAX: any */
extern const char sfx_os_example[];                                                         /* a prefix, as this system spells it */

/* Names */
enum sfx_os_kind { SFX_OS_FILE, SFX_OS_FOLDER, SFX_OS_LINK, SFX_OS_OTHER };
struct sfx_os_stat {
    enum sfx_os_kind kind;
    uint32_t mode;                       /* 07777 */
    uint64_t size;
    uint64_t mtime;                      /* seconds, negative ones as 0 */
    uint64_t device;
    uint64_t inode;
    uint64_t links;                      /* names of the inode */
    bool is_anothers;                    /* owned by another user, not root */
};
int sfx_os_stat(int directory, const char *path, struct sfx_os_stat *ret_stat);
int sfx_os_stat_fd(int fd, struct sfx_os_stat *ret_stat);
bool sfx_os_is_mount_point(int fd);                                                         /* a folder; false if unknown */
int sfx_os_make_directory(int directory, const char *path, uint32_t mode);
/* ROOT: the path that DIRECTORY will have. Windows makes a junction, a hard link or a copy where this user may make no link. */
int sfx_os_make_link(const char *text, int directory, const char *root, const char *path);
bool sfx_os_is_link(const char *text, int directory, const char *root, const char *path);   /* whether what stands there is that */
bool sfx_os_may_link(void);
int sfx_os_hard_link(int from_directory, const char *from, int directory, const char *path);
int sfx_os_read_link(int directory, const char *path, char **ret_text);                     /* malloced */
int sfx_os_unlink(int directory, const char *path);
int sfx_os_remove_directory(int directory, const char *path);
enum sfx_os_rename { SFX_OS_REPLACE, SFX_OS_KEEP, SFX_OS_EXCHANGE };                        /* KEEP: EEXIST if it exists */
/* ENOSYS when the system or file system cannot do KEEP or EXCHANGE. */
int sfx_os_rename(int from_directory, const char *from, int directory, const char *path, enum sfx_os_rename how);
/* Names in DIRECTORY but "." and "..", each NUL-terminated, one after the other; malloced. */
int sfx_os_list(int directory, char **ret_names, size_t *ret_count);
bool sfx_os_is_writable(const char *path);                                                  /* a directory, by the effective user */
bool sfx_os_adds_folders(const char *path);                                                 /* whether that is enough for folders in it at least */
int sfx_os_real_path(const char *path, char **ret_path);                                    /* malloced */
int sfx_os_self(char **ret_path);                                                           /* the running program; malloced */

/* If the running program lies below ROOT, its file goes away from there, as ASIDE in PARENT if nowhere better: some systems let
 * no program be removed while it runs. It is removed when the process has ended. */
int sfx_os_step_out(int root, int parent, const char *aside);

struct sfx_os_space {
    uint64_t free_bytes;
    uint64_t block_size;
    uint64_t free_inodes;                /* UINT64_MAX: no limit */
    bool read_only;
    bool no_exec;
};
int sfx_os_space(const char *path, struct sfx_os_space *ret_space);
/* What else a file system is like, as far as it can be told without writing. */
struct sfx_os_volume {
    bool ignores_case;
    bool is_fat;                         /* no links */
    bool is_strict;                      /* names are those that Windows takes */
    size_t longest_name;                 /* bytes of a component */
    uint64_t largest_file;               /* also by the limit of this process; UINT64_MAX: none */
};
void sfx_os_volume(const char *path, struct sfx_os_volume *ret_volume);                     /* of a folder */
struct sfx_os_quota {
    uint64_t bytes;                      /* what this user may still take; UINT64_MAX: no limit, or none that is seen */
    uint64_t inodes;
};
void sfx_os_quota(const char *path, struct sfx_os_quota *ret_quota);                        /* in a folder */

/* Process and machine */
struct sfx_os_process {
    char host[256];
    char boot[64];                       /* identity of this boot, empty if unknown */
    char space[64];                      /* process number space, empty if unknown */
    uint64_t pid;
    uint64_t start;                      /* of the process, in units of the system; 0 if unknown */
};
void sfx_os_process(struct sfx_os_process *ret_process);
bool sfx_os_is_alive(uint64_t pid, uint64_t start);
/* Signals, umask, standard streams; the first call. The arguments are changed to what they say elsewhere: to UTF-8, and to begin
 * with what a header gives if the program's own file is an artifact. */
void sfx_os_prepare(int *count, char ***arguments);
void sfx_os_hold_signals(bool hold);                                                        /* from this thread and those it starts */
int sfx_os_interrupted(void);                                                               /* number of the signal, or 0 */
/* System and machine as in a platform's label (`linux`, `x86_64`). */
void sfx_os_machine(char ret_system[64], char ret_machine[64]);
int sfx_os_cpu_level(void);                                                                 /* x86-64: 1 to 4; else or unknown: 0 */
unsigned sfx_os_cpu_count(void);                                                            /* that this process may use, at least 1 */
unsigned sfx_os_descriptors(void);                                                          /* that this process may have open */
bool sfx_os_is_root(void);
enum sfx_os_guard { SFX_OS_SELINUX = 1, SFX_OS_FAPOLICYD = 2 };
unsigned sfx_os_guards(void);                                                               /* those that are enforcing */
bool sfx_os_is_terminal(int fd);
/* A line from FD without its newline; stops for a signal (EINTR) and at the end (ENODATA). */
int sfx_os_read_line(int fd, char *buffer, size_t size);
uint64_t sfx_os_milliseconds(void);                                                         /* monotonic */
uint64_t sfx_os_time(void);                                                                 /* seconds since 1970 */
void sfx_os_date(char ret_date[32]);                                                        /* 2026-11-22T13:56:00Z */
struct sfx_os_command {
    const char *const *arguments;        /* the first is the program's path; NULL ends */
    const char *const *variables;        /* NAME=VALUE, instead of or besides what this process was given; NULL: none */
    const char *folder;                  /* it starts in; NULL: as this process */
    bool as_caller;                      /* with the umask this process was given; else others may not write to what it makes */
    bool reads;                          /* the standard input of this process; else nothing */
    void (*sink)(void *context, bool is_error, const char *data, size_t size);   /* gets what it writes to standard output and error */
    void *context;
};
/* Run a program. A signal that this process gets is passed on; what the program leaves running is not waited for. RET_STATUS: as a
 * shell has it. */
int sfx_os_run(const struct sfx_os_command *command, int *ret_status);
/* Become a program: the first of COMMAND (NULL ends), looked for as a shell would, in the environment of PREFIX: its own script
 * activates it, else its folders of programs come first. Returns only if that fails; ENOTDIR: PREFIX has neither (Windows: its root is one). */
int sfx_os_become(const char *prefix, char *const *command);
int sfx_os_signal_of(int status);                                                           /* that ended a program, or 0 */
/* What runs scripts that name it alone, as this system knows some: `#!cmd`. */
struct sfx_os_interpreter {
    char *path;                          /* malloced */
    const char *arguments[5];            /* before the script's path; NULL ends */
    const char *suffix;                  /* its file has to have */
    const char *head;                    /* goes before the text in it */
    bool with_cr;                        /* lines end in CR LF */
};
int sfx_os_interpreter(const char *name, struct sfx_os_interpreter *ret_interpreter);       /* ENOENT: none of that name */
/* DATA into a command of the shell that shows it page by page (`$PAGER`). */
int sfx_os_page(const char *command, const void *data, size_t size, int *ret_status);
void sfx_os_terminal_size(int fd, unsigned *ret_rows, unsigned *ret_columns);
void sfx_os_sleep(unsigned milliseconds);

#endif
