/* Which start-up file, and which lines in it; see rc_posix.h. */
#include "rc_posix.h"

#include <stdlib.h>

#include "os.h"

const char *sfx_rc_shell(void)
{
    const char *shell = getenv("SHELL");
    const char *slash = shell ? strrchr(shell, '/') : NULL;
    return slash ? slash + 1 : shell ? shell : "";
}

static char *in_home(const char *variable, const char *otherwise, const char *name)
{
    const char *set = variable ? getenv(variable) : NULL;
    const char *home = getenv("HOME");
    if (set && *set == '/')
        return sfx_print("%s/%s", set, name);
    return home && *home == '/' ? sfx_print("%s/%s%s", home, otherwise, name) : NULL;
}

/* Those that the shells' own manuals name for interactive shells, and conda uses: bash on macOS is started as a login shell. */
char *sfx_rc_choose(void)
{
    const char *shell = sfx_rc_shell();
    char system[64];
    char machine[64];
    sfx_os_machine(system, machine);
    if (strcmp(shell, "zsh") == 0)
        return in_home("ZDOTDIR", "", ".zshrc");
    if (strcmp(shell, "fish") == 0)
        return in_home("XDG_CONFIG_HOME", ".config/", "fish/config.fish");
    if (strcmp(shell, "bash") == 0)
        return in_home(NULL, "", strcmp(system, "macos") == 0 ? ".bash_profile" : ".bashrc");
    return in_home(NULL, "", ".profile");
}

bool sfx_rc_is_fish(const char *path)
{
    size_t size = strlen(path);
    return size > 5 && strcmp(path + size - 5, ".fish") == 0;
}

/* Without control characters, which would end the comment it stands in. */
static char *mark_of(const struct sfx_index *index, const char *prefix)
{
    char *mark = sfx_print("%.*s (sfxpack %s)", SFX_TEXT(sfx_index_string(index, index->product.name)), prefix);
    for (char *at = mark; at && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return mark;
}

/* Fish has a script of its own, or gets the path alone. */
static void add_lines(struct sfx_text *text, const struct sfx_index *index, const char *prefix, bool fish)
{
    struct sfx_bytes activation = sfx_index_string(index, index->product.activation);
    SFX_CLEAN_STRING char *below = sfx_print("%.*s%s", SFX_TEXT(activation), fish ? ".fish" : "");
    bool has = activation.size > 0 && below && (!fish || sfx_index_find(index, sfx_bytes_of(below)) != SFX_NO_ENTRY);
    SFX_CLEAN_STRING char *path = sfx_print("%s/%s", prefix, has ? below : "bin");
    SFX_CLEAN_TEXT struct sfx_text quoted = {0};
    sfx_text_shell(&quoted, path ? path : "");
    const char *word = quoted.data ? quoted.data : "";
    text->failed = text->failed || !path || quoted.failed;
    if (fish && has)
        sfx_text_format(text, "if test -r %s\n    source %s\nend\n", word, word);
    else if (fish)
        sfx_text_format(text, "if test -d %s; and not contains %s $PATH\n    set -gx PATH %s $PATH\nend\n", word, word, word);
    else if (has)
        sfx_text_format(text, "if [ -r %s ]; then . %s; fi\n", word, word);
    else
        sfx_text_format(text, "case :$PATH: in *:%s:*) ;; *) PATH=%s:$PATH; export PATH ;; esac\n", word, word);
}

void sfx_rc_block(struct sfx_text *text, const struct sfx_index *index, const char *prefix, bool fish)
{
    SFX_CLEAN_STRING char *mark = mark_of(index, prefix);
    text->failed = text->failed || !mark;
    sfx_text_format(text, "# >>> %s >>>\n", mark ? mark : "");
    add_lines(text, index, prefix, fish);
    sfx_text_format(text, "# <<< %s <<<\n", mark ? mark : "");
}
