/* What Swift cannot import from the C library: variadics, macros, socket address layouts, and a few Linux calls.
 *
 * Functions that can fail return a negative errno, which is libuv's convention on Unix too. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Threads */

/* Which event loop runs on the calling thread; NULL elsewhere. */
const void *csys_thread_owner(void);
void csys_set_thread_owner(const void *owner, const char *name);
/* Says that nobody waits for the end of the calling thread. */
void csys_detach_thread(void);
/* Gives freed memory back to the operating system, where the allocator does not do it by itself. */
void csys_trim_memory(void);
/* Has the allocator take what it gives out from here on from one region, of half the machine's memory at most, which the
 * system maps in large pages where it can; nothing is used up by that. For processes that go through gigabytes at random:
 * a fifteenth of their time is looking up small pages. Does nothing where the allocator or the system have no such thing,
 * nor under a sanitizer, which keeps books of every byte. */
void csys_use_large_pages(void);
int csys_ignore_sigpipe(void);
/* Has the system kill this process when its parent ends, however that ends; -ENOSYS where no system call does. */
int csys_end_with_parent(void);
/* Raises the soft limit of open descriptors as far as `wanted` and the hard limit allow; returns what holds. */
int64_t csys_raise_descriptor_limit(int64_t wanted);
/* Bytes that are allocated and not freed; -ENOSYS where the allocator does not say. */
int64_t csys_allocated_bytes(void);

/* Looks for input until the monotonic clock shows `deadline`, and lets other threads run between the looks, but does
 * not sleep: 1 when there is some, 0 when there is none. */
int csys_await_readable(int fd, int64_t deadline);

/* Time and randomness */

int64_t csys_monotonic_nanoseconds(void);
int64_t csys_wall_milliseconds(void);
/* Fills `bytes`, however many. */
int csys_random(void *bytes, size_t count);

/* Socket addresses */

enum { CSYS_NONE = 0, CSYS_IPV4 = 4, CSYS_IPV6 = 6, CSYS_UNIX = 1 };
enum { CSYS_PATH_SIZE = 104 };

/* An address without the layout differences between systems. Numbers are in host order. */
struct csys_address {
    uint8_t kind;
    uint16_t port;
    uint32_t zone;
    uint64_t high;
    uint64_t low; /* an IPv4 address stands here */
    char path[CSYS_PATH_SIZE];
};

/* Writes the system's form; returns its length, or -EAFNOSUPPORT. */
int csys_sockaddr(const struct csys_address *address, struct sockaddr_storage *out);

/* Stream sockets; every descriptor is non-blocking and closed on exec */

/* Binds and listens. */
int csys_listen(const struct csys_address *address, int backlog, int unsent_byte_count_max);
/* The next waiting connection, with its remote address; not paced where that is on this machine. */
int csys_accept(int listener, struct csys_address *remote);
int csys_local_address(int fd, struct csys_address *local);
/* No delay for small writes, a bound on bytes that wait in the kernel before they are sent, and no pacing where the peer
 * is on this machine. */
void csys_tune_stream(int fd, int unsent_byte_count_max);
int csys_shutdown_write(int fd);
/* What the system has counted of the packets with content that a TCP socket sent. */
struct csys_packet_counts {
    uint64_t sent;
    /* Those of them that were sent again. */
    uint64_t repeated;
    /* Bytes that arrived in a second when the way limited that; -1 where the sender had no more to send. */
    int64_t bytes_per_second;
};
/* 0, or -errno where the system does not count. */
int csys_packet_counts(int fd, struct csys_packet_counts *out);
void csys_close(int fd);
/* A descriptor that is only held so that it can be given up. */
int csys_spare_descriptor(void);
/* 1 when somebody listens on the Unix path, 0 when nobody does, or a negative errno. */
int csys_unix_is_served(const struct csys_address *address);
int csys_unlink(const char *path);

/* Datagram sockets */

/* Opens and binds. `is_shared` lets other sockets have the same address. */
int csys_datagram_open(const struct csys_address *local, int is_shared, int hop_limit);
int csys_datagram_join(int fd, const struct csys_address *group, uint32_t interface_index);
/* Sends one datagram; `interface_index` 0 leaves the choice to the routing table. */
int64_t csys_datagram_send(int fd, const void *bytes, size_t count, const struct csys_address *remote,
                           uint32_t interface_index);
/* Receives one datagram. One that did not fit is reported as -EMSGSIZE. */
int64_t csys_datagram_receive(int fd, void *bytes, size_t count, struct csys_address *remote,
                              uint32_t *interface_index);

/* Names */

enum { CSYS_NOT_FOUND = -1, CSYS_TRY_AGAIN = -2, CSYS_INVALID_NAME = -3, CSYS_NO_RECOVERY = -4 };

/* The addresses of a host; returns their number or one of the codes above. `kind` is CSYS_NONE for both. Blocks. */
int csys_lookup_addresses(const char *host, int kind, struct csys_address *out, int count_max);
/* The TXT records of a name, each written as a 16-bit length in host order and the joined strings.
 * Returns the byte count used or one of the codes above. Blocks. */
int csys_lookup_texts(const char *name, uint8_t *out, size_t byte_count_max, int text_count_max);
/* The same for an answer at hand, as a server sent it. */
int csys_parse_texts(const uint8_t *answer, size_t byte_count, uint8_t *out, size_t byte_count_max,
                     int text_count_max);

/* Interfaces */

struct csys_interface {
    uint32_t index;
    uint8_t is_loopback;
    uint8_t has_multicast;
    char name[64];
    struct csys_address address;
};

/* One entry for each address of each interface that is up; returns their number. */
int csys_interfaces(struct csys_interface *out, int count_max);
/* A descriptor that becomes readable when interfaces or addresses change, or -ENOSYS. */
int csys_interface_changes_open(void);
/* Reads what there is, so that the descriptor is quiet again. */
void csys_interface_changes_drain(int fd);

/* Files */

/* The mode bits of an open file that is a regular one; -EISDIR for a folder, -EINVAL for anything else. */
int csys_file_mode(int fd, int64_t *byte_count);
int csys_open_read(const char *path);
int csys_open_create(const char *path);
int csys_open_folder(const char *path);
int64_t csys_read(int fd, void *bytes, size_t count);
int64_t csys_write(int fd, const void *bytes, size_t count);
int csys_sync(int fd);
/* Gives a file a second name, which must be free. */
int csys_link(const char *from, const char *to);
int csys_remove_folder(const char *path);
/* Removes what is in a folder, and in the folders there, as far as the system lets it; links are not followed. */
int csys_empty_folder(const char *path);
int csys_make_folder(const char *path);
int csys_open_write(const char *path);
/* As above, for writes past the system's cache: memory, count and offset are whole pages. -EINVAL where the file system
   cannot, -ENOTSUP where the system cannot. */
int csys_open_write_direct(const char *path);
int64_t csys_read_at(int fd, void *bytes, size_t count, uint64_t offset);
/* Writes parts one behind the other, as many of them as the system takes at once. */
int64_t csys_write_at(int fd, const struct iovec *parts, size_t part_count, uint64_t offset);
int csys_rename(const char *from, const char *to);
/* Makes the open file `to` share the blocks of the open file `from`; a negative errno where that cannot be. */
int csys_clone(int from, int to);
/* Bytes that files in the folder of this path may still take. */
int64_t csys_free_space(const char *path);
/* Calls `visit` with each plain file of a folder and its size. */
int csys_list_files(const char *path, void *context, void (*visit)(void *context, const char *name, int64_t byte_count));
int csys_is_terminal(int fd);
