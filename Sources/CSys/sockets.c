#ifdef __linux__
#define _GNU_SOURCE
#else
#define __APPLE_USE_RFC_3542
#endif
#include "csys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void store(uint64_t number, uint8_t *bytes) {
    for (int index = 0; index < 8; index++) bytes[index] = (uint8_t)(number >> (56 - 8 * index));
}

static uint64_t load(const uint8_t *bytes) {
    uint64_t number = 0;
    for (int index = 0; index < 8; index++) number = number << 8 | bytes[index];
    return number;
}

int csys_sockaddr(const struct csys_address *address, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (address->kind == CSYS_IPV4) {
        struct sockaddr_in *ip = (struct sockaddr_in *)out;
        ip->sin_family = AF_INET;
        ip->sin_port = htons(address->port);
        ip->sin_addr.s_addr = htonl((uint32_t)address->low);
        return sizeof *ip;
    }
    if (address->kind == CSYS_IPV6) {
        struct sockaddr_in6 *ip = (struct sockaddr_in6 *)out;
        ip->sin6_family = AF_INET6;
        ip->sin6_port = htons(address->port);
        ip->sin6_scope_id = address->zone;
        store(address->high, ip->sin6_addr.s6_addr);
        store(address->low, ip->sin6_addr.s6_addr + 8);
        return sizeof *ip;
    }
    if (address->kind == CSYS_UNIX) {
        struct sockaddr_un *local = (struct sockaddr_un *)out;
        local->sun_family = AF_UNIX;
        memcpy(local->sun_path, address->path, CSYS_PATH_SIZE - 1);
        return sizeof *local;
    }
    return -EAFNOSUPPORT;
}

static void load_address(const struct sockaddr_storage *from, socklen_t length, struct csys_address *out) {
    memset(out, 0, sizeof *out);
    if (from->ss_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *ip = (const struct sockaddr_in *)from;
        out->kind = CSYS_IPV4;
        out->port = ntohs(ip->sin_port);
        out->low = ntohl(ip->sin_addr.s_addr);
    } else if (from->ss_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        const struct sockaddr_in6 *ip = (const struct sockaddr_in6 *)from;
        out->kind = CSYS_IPV6;
        out->port = ntohs(ip->sin6_port);
        out->zone = ip->sin6_scope_id;
        out->high = load(ip->sin6_addr.s6_addr);
        out->low = load(ip->sin6_addr.s6_addr + 8);
    } else if (from->ss_family == AF_UNIX) {
        const struct sockaddr_un *local = (const struct sockaddr_un *)from;
        out->kind = CSYS_UNIX;
        if (length > offsetof(struct sockaddr_un, sun_path)) {
            size_t count = length - offsetof(struct sockaddr_un, sun_path);
            if (count > CSYS_PATH_SIZE - 1) count = CSYS_PATH_SIZE - 1;
            memcpy(out->path, local->sun_path, count);
        }
    }
}

static int option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) != 0 ? -errno : 0;
}

static int open_socket(int family, int type) {
#ifdef __linux__
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
#else
    int fd = socket(family, type, 0);
    if (fd < 0) return -errno;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
#endif
}

static int give_up(int fd) {
    int error = errno;
    close(fd);
    return -error;
}

/* Whether the peer of a connection has the address that this end has: then both are on this machine. */
static int is_from_here(int fd, const struct sockaddr_storage *remote) {
    struct sockaddr_storage local;
    socklen_t length = sizeof local;
    if (getsockname(fd, (struct sockaddr *)&local, &length) != 0 || local.ss_family != remote->ss_family) return 0;
    if (remote->ss_family == AF_INET) {
        in_addr_t mine = ((struct sockaddr_in *)&local)->sin_addr.s_addr;
        in_addr_t theirs = ((const struct sockaddr_in *)remote)->sin_addr.s_addr;
        return mine == theirs || (ntohl(mine) >> 24 == IN_LOOPBACKNET && ntohl(theirs) >> 24 == IN_LOOPBACKNET);
    }
    const struct in6_addr *mine = &((struct sockaddr_in6 *)&local)->sin6_addr;
    const struct in6_addr *theirs = &((const struct sockaddr_in6 *)remote)->sin6_addr;
    return remote->ss_family == AF_INET6 && memcmp(mine, theirs, sizeof *mine) == 0;
}

/* Between processes of one machine there is no link to be shared. A congestion control that paces what it sends, as BBR
 * does, sets a timer for every piece there: that costs six times what the sending does. Reno is there wherever a choice is,
 * and waits for nothing where nothing is lost. */
static void spare_pacing(int fd, const struct sockaddr_storage *remote) {
#ifdef TCP_CONGESTION
    static const char unpaced[] = "reno";
    if (is_from_here(fd, remote)) setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, unpaced, sizeof unpaced - 1);
#else
    (void)fd;
    (void)remote;
#endif
}

void csys_tune_stream(int fd, int unsent_byte_count_max) {
    option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
#ifdef TCP_NOTSENT_LOWAT
    if (unsent_byte_count_max > 0) option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_byte_count_max);
#endif
    struct sockaddr_storage remote;
    socklen_t length = sizeof remote;
    /* A listener has no peer. */
    if (getpeername(fd, (struct sockaddr *)&remote, &length) == 0) spare_pacing(fd, &remote);
}

int csys_listen(const struct csys_address *address, int backlog, int unsent_byte_count_max) {
    struct sockaddr_storage bound;
    int length = csys_sockaddr(address, &bound);
    if (length < 0) return length;
    int fd = open_socket(bound.ss_family, SOCK_STREAM);
    if (fd < 0) return fd;
    if (address->kind != CSYS_UNIX) {
        option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (address->kind == CSYS_IPV6) option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        /* Accepted connections inherit all but the pacing from the listener. */
        csys_tune_stream(fd, unsent_byte_count_max);
    }
    if (bind(fd, (struct sockaddr *)&bound, (socklen_t)length) != 0) return give_up(fd);
    /* Nobody can connect before listen, so the mode is in force in time. */
    if (address->kind == CSYS_UNIX && chmod(address->path, 0600) != 0) return give_up(fd);
    if (listen(fd, backlog) != 0) return give_up(fd);
    return fd;
}

int csys_accept(int listener, struct csys_address *remote) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    memset(&from, 0, sizeof from);
#ifdef __linux__
    int fd = accept4(listener, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return -errno;
#else
    int fd = accept(listener, (struct sockaddr *)&from, &length);
    if (fd < 0) return -errno;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
    spare_pacing(fd, &from);
    load_address(&from, length, remote);
    return fd;
}

int csys_local_address(int fd, struct csys_address *local) {
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    memset(&bound, 0, sizeof bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &length) != 0) return -errno;
    load_address(&bound, length, local);
    return 0;
}

int csys_shutdown_write(int fd) { return shutdown(fd, SHUT_WR) != 0 ? -errno : 0; }

int csys_unix_is_served(const struct csys_address *address) {
    struct sockaddr_storage bound;
    int length = csys_sockaddr(address, &bound);
    if (length < 0) return length;
    struct stat status;
    if (lstat(address->path, &status) != 0) return errno == ENOENT ? -ENOENT : -errno;
    if (!S_ISSOCK(status.st_mode)) return -EADDRINUSE;
    int fd = open_socket(AF_UNIX, SOCK_STREAM);
    if (fd < 0) return fd;
    int failed = connect(fd, (struct sockaddr *)&bound, (socklen_t)length);
    int error = errno;
    close(fd);
    if (failed == 0 || error == EAGAIN) return 1;
    return error == ECONNREFUSED ? 0 : -error;
}

/* Datagrams */

int csys_datagram_open(const struct csys_address *local, int is_shared, int hop_limit) {
    struct sockaddr_storage bound;
    int length = csys_sockaddr(local, &bound);
    if (length < 0) return length;
    if (local->kind == CSYS_UNIX) return -EAFNOSUPPORT;
    int fd = open_socket(bound.ss_family, SOCK_DGRAM);
    if (fd < 0) return fd;
    if (is_shared) {
        option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
#ifdef SO_REUSEPORT
        option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
#endif
    }
    if (local->kind == CSYS_IPV6) {
        option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hop_limit);
        option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
#ifdef IPV6_MULTICAST_ALL
        option(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
#endif
    } else {
        option(fd, IPPROTO_IP, IP_PKTINFO, 1);
        option(fd, IPPROTO_IP, IP_MULTICAST_TTL, hop_limit);
        option(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
#ifdef IP_MULTICAST_ALL
        /* Only the groups that this socket joined, not those of every socket of the machine. */
        option(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
#endif
    }
    if (bind(fd, (struct sockaddr *)&bound, (socklen_t)length) != 0) return give_up(fd);
    return fd;
}

int csys_datagram_join(int fd, const struct csys_address *group, uint32_t interface_index) {
    struct sockaddr_storage address;
    if (csys_sockaddr(group, &address) < 0) return -EAFNOSUPPORT;
    if (group->kind == CSYS_IPV6) {
        struct ipv6_mreq request = {.ipv6mr_interface = interface_index};
        request.ipv6mr_multiaddr = ((struct sockaddr_in6 *)&address)->sin6_addr;
        return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) != 0 ? -errno : 0;
    }
    struct ip_mreqn request = {.imr_ifindex = (int)interface_index};
    request.imr_multiaddr = ((struct sockaddr_in *)&address)->sin_addr;
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) != 0 ? -errno : 0;
}

union control {
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct cmsghdr aligned;
};

int64_t csys_datagram_send(int fd, const void *bytes, size_t count, const struct csys_address *remote,
                           uint32_t interface_index) {
    struct sockaddr_storage to;
    int length = csys_sockaddr(remote, &to);
    if (length < 0) return length;
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_name = &to, .msg_namelen = (socklen_t)length, .msg_iov = &vector, .msg_iovlen = 1};
    union control control;
    if (interface_index != 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (remote->kind == CSYS_IPV6) {
            struct in6_pktinfo info = {.ipi6_ifindex = interface_index};
            header->cmsg_level = IPPROTO_IPV6;
            header->cmsg_type = IPV6_PKTINFO;
            header->cmsg_len = CMSG_LEN(sizeof info);
            memcpy(CMSG_DATA(header), &info, sizeof info);
            message.msg_controllen = CMSG_SPACE(sizeof info);
        } else {
            struct in_pktinfo info = {0};
            info.ipi_ifindex = (int)interface_index;
            header->cmsg_level = IPPROTO_IP;
            header->cmsg_type = IP_PKTINFO;
            header->cmsg_len = CMSG_LEN(sizeof info);
            memcpy(CMSG_DATA(header), &info, sizeof info);
            message.msg_controllen = CMSG_SPACE(sizeof info);
        }
    }
    ssize_t sent;
    do sent = sendmsg(fd, &message, 0);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int64_t csys_datagram_receive(int fd, void *bytes, size_t count, struct csys_address *remote,
                              uint32_t *interface_index) {
    struct sockaddr_storage from;
    memset(&from, 0, sizeof from);
    struct iovec vector = {.iov_base = bytes, .iov_len = count};
    union control control;
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do got = recvmsg(fd, &message, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) return -errno;
    *interface_index = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(header), sizeof info);
            *interface_index = (uint32_t)info.ipi_ifindex;
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(header), sizeof info);
            *interface_index = info.ipi6_ifindex;
        }
    }
    load_address(&from, message.msg_namelen, remote);
    return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : got;
}
