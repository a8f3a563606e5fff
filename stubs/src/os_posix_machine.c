/* Process, machine, file system and terminal on POSIX systems; see os.h. */
#include "os_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/auxv.h>
#include <sys/syscall.h>
#endif
#ifdef __APPLE__
#include <mach-o/dyld.h>
#include <sys/mount.h>
#endif

static volatile sig_atomic_t interruption;
static mode_t callers_umask;

static void on_signal(int number)
{
    interruption = number;
}

static sigset_t ignored_here;            /* and not before */

mode_t sfx_posix_umask(void)
{
    return callers_umask;
}

sigset_t sfx_posix_defaults(void)
{
    return ignored_here;
}

static void ignore(int number)
{
    struct sigaction before;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    if (sigaction(number, &action, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaddset(&ignored_here, number);
}

/* Else the next file that is opened would be taken for the standard output. */
static void open_missing(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
            return;
}

/* Ignored SIGXFSZ and SIGPIPE become EFBIG and EPIPE. A SIGHUP that was ignored (nohup) stays ignored. */
void sfx_os_prepare(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    open_missing();
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
        struct sigaction before;
        if (sigaction(caught[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue;
        action.sa_handler = on_signal;
        sigaction(caught[i], &action, NULL);
    }
    sigemptyset(&ignored_here);
    ignore(SIGPIPE);
#ifdef SIGXFSZ
    ignore(SIGXFSZ);
#endif
    callers_umask = umask(0);
}

int sfx_os_open_log(const char *path, int *ret_fd)
{
    do {
        *ret_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0666 & ~callers_umask);
    } while (*ret_fd < 0 && errno == EINTR);
    return *ret_fd < 0 ? errno : 0;
}

void sfx_os_hold_signals(bool hold)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &all, NULL);
}

int sfx_os_interrupted(void)
{
    return interruption;
}

bool sfx_os_is_writable(const char *path)
{
    return SFX_AGAIN(faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS)) == 0;
}

bool sfx_os_adds_folders(const char *path)
{
    return sfx_os_is_writable(path);
}

int sfx_os_real_path(const char *path, char **ret_path)
{
    do {
        *ret_path = realpath(path, NULL);
    } while (!*ret_path && errno == EINTR);
    return *ret_path ? 0 : errno;
}

int sfx_os_self(char **ret_path)
{
#ifdef __APPLE__
    char path[4096];
    uint32_t size = sizeof path;
    if (_NSGetExecutablePath(path, &size) != 0)
        return ENAMETOOLONG;
    return sfx_os_real_path(path, ret_path);
#else
    if (sfx_os_read_link(SFX_OS_HERE, "/proc/self/exe", ret_path) == 0)
        return 0;
    const char *started = (const char *)(uintptr_t)getauxval(AT_EXECFN);     /* without /proc: as it was called */
    return started ? sfx_os_real_path(started, ret_path) : ENOENT;
#endif
}

int sfx_os_sync_file(int fd)
{
    int error = SFX_STATUS(fsync(fd));
    return error == EINVAL || error == EROFS ? 0 : error;    /* directories on some network file systems */
}

int sfx_os_sync_system(int fd)
{
#ifdef __linux__
    return SFX_STATUS(syscall(SYS_syncfs, fd));
#else
    (void)fd;
    sync();
    return 0;
#endif
}

int sfx_os_step_out(int root, int parent, const char *aside)
{
    (void)root;
    (void)parent;
    (void)aside;
    return 0;
}

void sfx_os_keep_writes(bool keep)
{
    (void)keep;                          /* they are, however they were closed */
}

/* Also of a bind mount, which has its parent's device; Linux tells since 5.8. */
bool sfx_os_is_mount_point(int fd)
{
#if defined(__linux__) && defined(SYS_statx)
    const uint64_t mount_root = 0x2000;              /* STATX_ATTR_MOUNT_ROOT (linux/stat.h) */
    uint64_t found[32] = {0};                        /* struct statx, 256 bytes; stx_attributes is the second word of 64 bits */
    if (SFX_AGAIN(syscall(SYS_statx, fd, "", AT_EMPTY_PATH, 0u, found)) == 0)
        return (found[1] & mount_root) != 0;
#endif
    (void)fd;
    return false;
}

int sfx_os_space(const char *path, struct sfx_os_space *ret_space)
{
    struct statvfs found;
    if (SFX_AGAIN(statvfs(path, &found)) < 0)
        return errno;
    uint64_t unit = found.f_frsize ? found.f_frsize : found.f_bsize;
    ret_space->block_size = unit ? unit : 512;
    ret_space->free_bytes = (uint64_t)found.f_bavail * ret_space->block_size;
    ret_space->free_inodes = found.f_files == 0 ? UINT64_MAX : (uint64_t)found.f_favail;
    ret_space->read_only = (found.f_flag & ST_RDONLY) != 0;
#ifdef ST_NOEXEC
    ret_space->no_exec = (found.f_flag & ST_NOEXEC) != 0;
#else
    struct statfs system;
    ret_space->no_exec = statfs(path, &system) == 0 && (system.f_flags & MNT_NOEXEC) != 0;
#endif
    return 0;
}

/* The first bytes of a small file of the system, without the newline at its end; empty if there is none. */
static void read_small(const char *path, char *buffer, size_t size)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    size_t got = 0;
    buffer[0] = '\0';
    fd = SFX_AGAIN(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0 || sfx_os_read(fd, buffer, size - 1, &got) != 0)
        return;
    buffer[got] = '\0';
    while (got > 0 && buffer[got - 1] == '\n')
        buffer[--got] = '\0';
}

/* Field 22 of /proc/PID/stat, clock ticks since boot; the name in field 2 may hold anything (proc(5)). RET_ENDED: nobody has
 * waited for it yet. */
static uint64_t start_of(uint64_t pid, bool *ret_ended)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
    read_small(path, text, sizeof text);
    const char *field = strrchr(text, ')');
    *ret_ended = field && field[1] == ' ' && (field[2] == 'Z' || field[2] == 'X');
    for (int at = 2; field && at < 22; at++)
        field = strchr(field + 1, ' ');
    return field ? strtoull(field, NULL, 10) : 0;
}

void sfx_os_process(struct sfx_os_process *ret_process)
{
    memset(ret_process, 0, sizeof *ret_process);
    if (gethostname(ret_process->host, sizeof ret_process->host - 1) != 0 || !ret_process->host[0])
        memcpy(ret_process->host, "localhost", sizeof "localhost");
    read_small("/proc/sys/kernel/random/boot_id", ret_process->boot, sizeof ret_process->boot);
    ssize_t got = readlink("/proc/self/ns/pid", ret_process->space, sizeof ret_process->space - 1);
    ret_process->space[got > 0 ? got : 0] = '\0';
    ret_process->pid = (uint64_t)getpid();
    bool ended;
    ret_process->start = start_of(ret_process->pid, &ended);
}

bool sfx_os_is_alive(uint64_t pid, uint64_t start)
{
    if (pid == 0 || pid > INT_MAX)
        return false;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return false;
    bool ended;
    uint64_t found = start_of(pid, &ended);
    return !ended && (found == 0 || start == 0 || found == start);
}

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

void sfx_os_machine(char ret_system[64], char ret_machine[64])
{
    struct utsname names;
    memset(&names, 0, sizeof names);
    uname(&names);
    snprintf(ret_system, 64, "%.63s", names.sysname);
    snprintf(ret_machine, 64, "%.63s", names.machine);
    lower(ret_system);
    if (strcmp(ret_system, "darwin") == 0)
        memcpy(ret_system, "macos", sizeof "macos");
    if (strcmp(ret_machine, "armv8l") == 0)          /* 32-bit programs on a 64-bit kernel */
        memcpy(ret_machine, "armv7l", sizeof "armv7l");
    if (strcmp(ret_machine, "amd64") == 0)
        memcpy(ret_machine, "x86_64", sizeof "x86_64");
}

static bool has_flags(const char *flags, const char *const *wanted)
{
    for (; *wanted; wanted++) {
        size_t length = strlen(*wanted);
        const char *found = flags;
        while ((found = strstr(found, *wanted)) && !(found[-1] == ' ' && (found[length] == ' ' || !found[length])))
            found += length;
        if (!found)
            return false;
    }
    return true;
}

/* The levels of the x86-64 psABI, by the names Linux gives the features (arch/x86/include/asm/cpufeatures.h). */
static int level_of(const char *flags)
{
    static const char *const second[] = {"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3", NULL};
    static const char *const third[] = {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave", NULL};
    static const char *const fourth[] = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", NULL};
    if (!has_flags(flags, second))
        return 1;
    if (!has_flags(flags, third))
        return 2;
    return has_flags(flags, fourth) ? 4 : 3;
}

int sfx_os_cpu_level(void)
{
    char text[8192];
    read_small("/proc/cpuinfo", text, sizeof text);
    char *flags = strstr(text, "\nflags");
    char *start = flags ? strchr(flags, ':') : NULL;
    char *end = start ? strchr(start, '\n') : NULL;
    if (!end)
        return 0;
    *end = '\0';
    return level_of(start + 1);
}

unsigned sfx_os_cpu_count(void)
{
#ifdef __linux__
    cpu_set_t usable;
    CPU_ZERO(&usable);
    if (sched_getaffinity(0, sizeof usable, &usable) == 0 && CPU_COUNT(&usable) > 0)
        return (unsigned)CPU_COUNT(&usable);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

unsigned sfx_os_descriptors(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < UINT32_MAX ? (unsigned)limit.rlim_cur : UINT32_MAX;
}

bool sfx_os_is_root(void)
{
    return geteuid() == 0;
}

unsigned sfx_os_guards(void)
{
    char enforcing[4];
    read_small("/sys/fs/selinux/enforce", enforcing, sizeof enforcing);
    bool fapolicyd = access("/run/fapolicyd.pid", F_OK) == 0 || access("/run/fapolicyd/fapolicyd.fifo", F_OK) == 0;
    return (enforcing[0] == '1' ? SFX_OS_SELINUX : 0u) | (fapolicyd ? SFX_OS_FAPOLICYD : 0u);
}

bool sfx_os_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

void sfx_os_terminal_size(int fd, unsigned *ret_rows, unsigned *ret_columns)
{
    struct winsize size = {.ws_row = 0};
    bool known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    *ret_rows = known ? size.ws_row : 24;
    *ret_columns = known ? size.ws_col : 80;
}

int sfx_os_read_line(int fd, char *buffer, size_t size)
{
    size_t used = 0;
    for (;;) {
        char one;
        if (interruption)
            return EINTR;
        struct pollfd wait = {fd, POLLIN, 0};
        if (poll(&wait, 1, 200) <= 0)                /* a signal between the check and the read is seen soon */
            continue;
        ssize_t got = read(fd, &one, 1);
        if (got < 0 && errno != EINTR)
            return errno;
        if (got == 0 && used == 0)
            return ENODATA;
        if (got == 0 || (got == 1 && one == '\n'))
            break;
        if (got == 1 && used + 1 < size)
            buffer[used++] = one;
        else if (got == 1)
            return ENAMETOOLONG;
    }
    buffer[used] = '\0';
    return 0;
}

uint64_t sfx_os_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint64_t sfx_os_time(void)
{
    time_t now = time(NULL);
    return now < 0 ? 0 : (uint64_t)now;
}

void sfx_os_date(char ret_date[32])
{
    time_t now = time(NULL);
    struct tm parts;
    if (!gmtime_r(&now, &parts) || strftime(ret_date, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        ret_date[0] = '\0';
}

void sfx_os_sleep(unsigned milliseconds)
{
    struct timespec wait = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000L};
    nanosleep(&wait, NULL);
}
