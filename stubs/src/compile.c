/* Compiling Python files after installing; see compile.h. */
#include "compile.h"

#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "record.h"

/* Run by the interpreter, which leaves no bytecode of its own (-B), with the environment's folder; names what it makes, a path a line. Sources are recorded by
 * relative names, which the import system corrects when it loads them, so bytecode holds no prefix and can be moved. The
 * invalidation is stated because SOURCE_DATE_EPOCH would change it. Where semaphores are not to be had, one process does
 * it. Files that cannot be compiled are there in every Python: tests of the compiler, templates. */
static const char program[] =
    "import glob, importlib.util, os, py_compile, sys\n"
    "root = sys.argv[1]\n"
    "def compiled(path):\n"
    "    cache = importlib.util.cache_from_source(path)\n"
    "    if os.path.lexists(cache) or '\\n' in path:\n"
    "        return None\n"
    "    try:\n"
    "        mode = py_compile.PycInvalidationMode.TIMESTAMP\n"
    "        py_compile.compile(path, cache, os.path.relpath(path, root), doraise=True, invalidation_mode=mode)\n"
    "    except Exception:\n"
    "        return None\n"
    "    return os.path.relpath(cache, root)\n"
    "places = ('lib*/p*/', 'base-python*/lib*/p*/', 'editable*/')\n"
    "if os.name == 'nt':\n"
    "    places = ('Lib/', 'base-python*/Lib/', 'editable*/')\n"
    "folders = {os.path.realpath(f) for p in places for f in glob.glob(os.path.join(glob.escape(root), p))}\n"
    "walks = (walk for folder in sorted(folders) for walk in os.walk(folder))\n"
    "paths = [os.path.join(top, name) for top, _, names in walks for name in names if name.endswith('.py')]\n"
    "try:\n"
    "    from multiprocessing import get_context\n"
    "    with get_context('fork').Pool() as pool:\n"
    "        made = pool.map(compiled, paths, 64)\n"
    "except (ImportError, OSError, ValueError):\n"
    "    made = map(compiled, paths)\n"
    "for path in made:\n"
    "    if path:\n"
    "        os.write(1, os.fsencode(path) + b'\\n')\n";

/* The environment whose files are compiled, and what is said of it. */
struct run {
    const char *folder;                  /* below the prefix with a slash at its end, or empty */
    struct sfx_text line;                /* the beginning of a line */
    struct sfx_text *listed;
};

static void take(void *context, bool is_error, const char *data, size_t size)
{
    struct run *run = context;
    if (is_error)
        return;
    for (size_t i = 0; i < size; i++) {
        if (data[i] != '\n') {
            sfx_text_format(&run->line, "%c", data[i]);
            continue;
        }
        if (run->line.data)
            sfx_os_from_native(run->line.data);
        sfx_text_format(run->listed, "%s%s\n", run->folder, run->line.data ? run->line.data : "");
        run->line.size = 0;
        if (run->line.data)
            run->line.data[0] = '\0';
    }
}

static enum sfx_error compile_one(struct sfx_session *session, const char *prefix, struct sfx_bytes name,
                                  struct sfx_text *listed, struct sfx_fault *fault)
{
    const struct sfx_index *index = &session->artifact.index;
    SFX_CLEAN_STRING char *folder = sfx_print("%.*s%s", SFX_TEXT(name), name.size > 0 ? "/" : "");
    SFX_CLEAN_STRING char *root = sfx_print("%s%s%.*s", prefix, name.size > 0 ? "/" : "", SFX_TEXT(name));
    SFX_CLEAN_STRING char *python = NULL;
    if (root)
        python = sfx_print("%s/%.*s", root, SFX_TEXT(sfx_index_string(index, index->product.compile)));
    if (!folder || !root || !python)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    const char *const arguments[] = {python, "-I", "-B", "-c", program, root, NULL};
    struct run run = {.folder = folder, .listed = listed};
    int status = 0;
    const struct sfx_os_command command = {.arguments = arguments, .sink = take, .context = &run};
    int error = sfx_os_run(&command, &status);
    sfx_text_free(&run.line);
    if (error)
        return sfx_fail_os(fault, error, "%s cannot be run", python);
    if (status != 0)
        return sfx_fail(fault, SFX_ERROR_EXCEPTIONS, "%s ended with status %d", python, status);
    return SFX_OK;
}

static enum sfx_error compile_all(struct sfx_session *session, const char *prefix, struct sfx_text *listed,
                                  struct sfx_fault *fault)
{
    const struct sfx_index *index = &session->artifact.index;
    if (index->header.tree_count == 0)
        return compile_one(session, prefix, (struct sfx_bytes){(const uint8_t *)"", 0}, listed, fault);
    enum sfx_error error = SFX_OK;
    for (uint32_t i = 0; !error && i < index->header.tree_count; i++) {
        struct sfx_bytes name = sfx_index_string(index, sfx_index_entry(index, index->trees[i].first).path);
        error = compile_one(session, prefix, name, listed, fault);
    }
    return error;
}

enum sfx_error sfx_compile(struct sfx_session *session, const char *prefix, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text listed = {0};
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    if (session->artifact.index.product.compile.size == 0)
        return SFX_OK;
    sfx_event_phase(&session->events, "compile");
    sfx_say(session, "compiling the Python files");
    enum sfx_error error = compile_all(session, prefix, &listed, fault);
    struct sfx_fault ignored;
    int opened = sfx_os_open(SFX_OS_HERE, prefix, SFX_OS_DIRECTORY_FOLLOW, &root);
    if (opened == 0 && listed.size > 0) {
        struct sfx_bytes text = {(const uint8_t *)listed.data, listed.size};
        enum sfx_error written = sfx_record_generated(root, prefix, text, error ? &ignored : fault);
        error = error ? error : written;
    }
    if (!error)
        sfx_log(session, "compiled the Python files");
    if (!error)
        return SFX_OK;
    sfx_warn(session, "installed, but not all of its Python files are compiled: %s; it works all the same", fault->message);
    return sfx_fail(fault, SFX_ERROR_EXCEPTIONS, "%s", "");
}
