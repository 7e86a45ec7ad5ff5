/* Counts every fsync, fdatasync, msync and sync_file_range of a process, over all its threads, and kills it with SIGKILL on the way into a chosen one.
 * (strace's inject=…:when=N counts each thread for itself, so "the N-th of the process" can't be said with it.)
 * VIGIL_SYNC_COUNT: file the count is written to. VIGIL_SYNC_KILL: file that holds the number to die at; 0 or no file: never. Read anew at each sync.
 * cc -shared -fPIC -nostdlib: no headers are needed; what is declared here is taken from the libc of the process. */
extern char *getenv(const char *);
extern int open(const char *, int, ...);
extern int close(int);
extern long pwrite(int, const void *, unsigned long, long);
extern long read(int, void *, unsigned long);
extern long syscall(long, ...);
extern int kill(int, int);
extern int getpid(void);

#if defined(__x86_64__)
enum { FSYNC = 74, FDATASYNC = 75, MSYNC = 26, RANGE = 277 };
#elif defined(__aarch64__)
enum { FSYNC = 82, FDATASYNC = 83, MSYNC = 227, RANGE = 84 };
#else
#error "syscall numbers of this machine are missing"
#endif

static long count;

static void passed(void)
{
    long n = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST), at = 0;
    const char *to = getenv("VIGIL_SYNC_COUNT"), *from = getenv("VIGIL_SYNC_KILL");
    char text[16];
    int i, f;
    long left = n, length;
    for (i = 9; i >= 0; i--, left /= 10) text[i] = (char)('0' + left % 10);
    if (to && (f = open(to, 1 | 0100, 0600)) >= 0) { pwrite(f, text, 10, 0); close(f); }
    if (from && (f = open(from, 0)) >= 0) {
        length = read(f, text, 15);
        close(f);
        for (i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) at = at * 10 + text[i] - '0';
        if (at && n >= at) kill(getpid(), 9);
    }
}

int fsync(int f) { passed(); return (int)syscall(FSYNC, f); }
int fdatasync(int f) { passed(); return (int)syscall(FDATASYNC, f); }
int msync(void *p, unsigned long n, int flags) { passed(); return (int)syscall(MSYNC, p, n, flags); }
int sync_file_range(int f, long from, long n, unsigned flags) { passed(); return (int)syscall(RANGE, f, from, n, flags); }
