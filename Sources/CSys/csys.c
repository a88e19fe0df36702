#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "csys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/fs.h>
#include <sys/prctl.h>
#include <sys/random.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

static _Thread_local const void *thread_owner;

const void *csys_thread_owner(void) { return thread_owner; }

void csys_set_thread_owner(const void *owner, const char *name) {
    thread_owner = owner;
#ifdef __linux__
    pthread_setname_np(pthread_self(), name);
#else
    pthread_setname_np(name);
#endif
}

void csys_detach_thread(void) { pthread_detach(pthread_self()); }

void csys_trim_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void csys_use_large_pages(void) {
#if defined(__GLIBC__) && defined(MADV_HUGEPAGE) && !defined(HAS_SANITIZER)
    long page = sysconf(_SC_PAGESIZE), page_count = sysconf(_SC_PHYS_PAGES);
    if (page <= 0 || page_count <= 0) return;
    size_t byte_count = (size_t)page * ((size_t)page_count / 2);
    /* A block that is not mapped for itself and not given back leaves its room to all that follow. */
    mallopt(M_TRIM_THRESHOLD, -1);
    mallopt(M_MMAP_MAX, 0);
    char *region = malloc(byte_count);
    if (region) {
        char *start = region + page - (uintptr_t)region % (size_t)page;
        madvise(start, (size_t)(region + byte_count - start), MADV_HUGEPAGE);
        free(region);
    }
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_MMAP_MAX, 65536);
#endif
}

int csys_end_with_parent(void) {
#ifdef __linux__
    return prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ? -errno : 0;
#else
    return -ENOSYS;
#endif
}

int csys_ignore_sigpipe(void) { return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0; }

int64_t csys_raise_descriptor_limit(int64_t wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -errno;
    rlim_t goal = wanted < 0 ? 0 : (rlim_t)wanted;
    if (limit.rlim_max != RLIM_INFINITY && goal > limit.rlim_max) goal = limit.rlim_max;
    if (limit.rlim_cur == RLIM_INFINITY) return INT64_MAX;
    if (goal > limit.rlim_cur) {
        struct rlimit raised = {.rlim_cur = goal, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit.rlim_cur = goal;
    }
    return (int64_t)limit.rlim_cur;
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec time = {0};
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t csys_allocated_bytes(void) {
#ifdef __GLIBC__
    struct mallinfo2 info = mallinfo2();
    return (int64_t)(info.uordblks + info.hblkhd);
#else
    return -ENOSYS;
#endif
}

int64_t csys_monotonic_nanoseconds(void) { return nanoseconds(CLOCK_MONOTONIC); }

int csys_await_readable(int fd, int64_t deadline) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    do {
        if (poll(&wanted, 1, 0) > 0) return 1;
        sched_yield();
    } while (csys_monotonic_nanoseconds() < deadline);
    return 0;
}

int64_t csys_wall_milliseconds(void) { return nanoseconds(CLOCK_REALTIME) / 1000000; }

int csys_random(void *bytes, size_t count) {
#ifdef __linux__
    unsigned char *cursor = bytes;
    while (count > 0) {
        ssize_t got = getrandom(cursor, count, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        cursor += got;
        count -= (size_t)got;
    }
    return 0;
#else
    arc4random_buf(bytes, count);
    return 0;
#endif
}

/* Files */

int csys_file_mode(int fd, int64_t *byte_count) {
    struct stat status;
    if (fstat(fd, &status) != 0) return -errno;
    if (S_ISDIR(status.st_mode)) return -EISDIR;
    if (!S_ISREG(status.st_mode)) return -EINVAL;
    *byte_count = status.st_size;
    return status.st_mode & 07777;
}

static int checked(int result) { return result < 0 ? -errno : result; }

int csys_open_read(const char *path) { return checked(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)); }

int csys_open_create(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    /* The process's mask may have taken bits from the mode, never added any. */
    if (fchmod(fd, 0600) != 0) {
        int error = errno;
        close(fd);
        unlink(path);
        return -error;
    }
    return fd;
}

int csys_open_folder(const char *path) { return checked(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

int64_t csys_read(int fd, void *bytes, size_t count) {
    ssize_t got;
    do got = read(fd, bytes, count);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

int64_t csys_write(int fd, const void *bytes, size_t count) {
    ssize_t put;
    do put = write(fd, bytes, count);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

int csys_sync(int fd) { return checked(fsync(fd)); }
int csys_link(const char *from, const char *to) { return checked(link(from, to)); }
int csys_unlink(const char *path) { return checked(unlink(path)); }
int csys_make_folder(const char *path) { return checked(mkdir(path, 0700)); }
int csys_remove_folder(const char *path) { return checked(rmdir(path)); }

static int remove_below(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    // What stays in spite of it does not keep the rest.
    if (place->level > 0) remove(path);
    return 0;
}

int csys_empty_folder(const char *path) {
    return checked(nftw(path, remove_below, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT));
}

int csys_is_terminal(int fd) { return isatty(fd); }
void csys_close(int fd) { close(fd); }
int csys_spare_descriptor(void) { return checked(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

int csys_open_write(const char *path) { return checked(open(path, O_WRONLY | O_CLOEXEC)); }

int csys_open_write_direct(const char *path) {
#ifdef O_DIRECT
    return checked(open(path, O_WRONLY | O_CLOEXEC | O_DIRECT));
#else
    (void)path;
    return -ENOTSUP;
#endif
}

int64_t csys_read_at(int fd, void *bytes, size_t count, uint64_t offset) {
    ssize_t got;
    do got = pread(fd, bytes, count, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

int64_t csys_write_at(int fd, const struct iovec *parts, size_t part_count, uint64_t offset) {
    int count = part_count < IOV_MAX ? (int)part_count : IOV_MAX;
    ssize_t put;
    do put = pwritev(fd, parts, count, (off_t)offset);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

int csys_rename(const char *from, const char *to) { return checked(rename(from, to)); }

int csys_clone(int from, int to) {
#ifdef FICLONE
    return checked(ioctl(to, FICLONE, from));
#else
    (void)from;
    (void)to;
    return -ENOTSUP;
#endif
}

int64_t csys_free_space(const char *path) {
    struct statvfs status;
    if (statvfs(path, &status) != 0) return -errno;
    uint64_t blocks = status.f_bavail, size = status.f_frsize;
    return size > 0 && blocks > INT64_MAX / size ? INT64_MAX : (int64_t)(blocks * size);
}

int csys_list_files(const char *path, void *context,
                    void (*visit)(void *context, const char *name, int64_t byte_count)) {
    DIR *folder = opendir(path);
    if (folder == NULL) return -errno;
    int result = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        struct stat status;
        /* A file that has just gone is none. */
        if (fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISREG(status.st_mode)) visit(context, entry->d_name, status.st_size);
    }
    closedir(folder);
    return result;
}
