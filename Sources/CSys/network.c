#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "csys.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#endif

static int load_ip(const struct sockaddr *from, struct csys_address *out) {
    memset(out, 0, sizeof *out);
    if (from->sa_family == AF_INET) {
        out->kind = CSYS_IPV4;
        out->low = ntohl(((const struct sockaddr_in *)from)->sin_addr.s_addr);
        return 1;
    }
    if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ip = (const struct sockaddr_in6 *)from;
        out->kind = CSYS_IPV6;
        out->zone = ip->sin6_scope_id;
        for (int index = 0; index < 8; index++) out->high = out->high << 8 | ip->sin6_addr.s6_addr[index];
        for (int index = 8; index < 16; index++) out->low = out->low << 8 | ip->sin6_addr.s6_addr[index];
        return 1;
    }
    return 0;
}

/* Names */

int csys_lookup_addresses(const char *host, int kind, struct csys_address *out, int count_max) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    hints.ai_family = kind == CSYS_IPV4 ? AF_INET : kind == CSYS_IPV6 ? AF_INET6 : AF_UNSPEC;
    struct addrinfo *list = NULL;
    int status = getaddrinfo(host, NULL, &hints, &list);
    switch (status) {
    case 0: break;
    case EAI_NONAME: return CSYS_NOT_FOUND;
#ifdef EAI_NODATA
#if EAI_NODATA != EAI_NONAME
    case EAI_NODATA: return CSYS_NOT_FOUND;
#endif
#endif
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY: return CSYS_NOT_FOUND;
#endif
    case EAI_AGAIN: return CSYS_TRY_AGAIN;
    default: return CSYS_NO_RECOVERY;
    }
    int count = 0;
    for (struct addrinfo *entry = list; entry && count < count_max; entry = entry->ai_next) {
        struct csys_address address;
        if (!load_ip(entry->ai_addr, &address)) continue;
        int is_known = 0;
        for (int index = 0; index < count; index++) {
            is_known |= out[index].kind == address.kind && out[index].high == address.high
                && out[index].low == address.low && out[index].zone == address.zone;
        }
        if (!is_known) out[count++] = address;
    }
    freeaddrinfo(list);
    return count == 0 ? CSYS_NOT_FOUND : count;
}

int csys_parse_texts(const uint8_t *answer, size_t byte_count, uint8_t *out, size_t byte_count_max,
                     int text_count_max) {
    ns_msg message;
    if (byte_count > 65535 || ns_initparse(answer, (int)byte_count, &message) != 0) return CSYS_NO_RECOVERY;
    size_t used = 0;
    int text_count = 0;
    for (int index = 0; index < ns_msg_count(message, ns_s_an); index++) {
        ns_rr record;
        if (ns_parserr(&message, ns_s_an, index, &record) != 0) return CSYS_NO_RECOVERY;
        if (ns_rr_type(record) != ns_t_txt || ns_rr_class(record) != ns_c_in) continue;
        const uint8_t *data = ns_rr_rdata(record);
        size_t left = ns_rr_rdlen(record), joined = 0;
        if (text_count == text_count_max || byte_count_max - used < 2 + left) break;
        while (left > 0) {
            size_t count = *data++;
            left--;
            if (count > left) return CSYS_NO_RECOVERY;
            memcpy(out + used + 2 + joined, data, count);
            data += count;
            left -= count;
            joined += count;
        }
        uint16_t length = (uint16_t)joined;
        memcpy(out + used, &length, 2);
        used += 2 + joined;
        text_count++;
    }
    return (int)used;
}

int csys_lookup_texts(const char *name, uint8_t *out, size_t byte_count_max, int text_count_max) {
    struct __res_state state;
    memset(&state, 0, sizeof state);
    if (res_ninit(&state) != 0) return CSYS_NO_RECOVERY;
    uint8_t answer[65535];
    int count = res_nquery(&state, name, ns_c_in, ns_t_txt, answer, sizeof answer);
    int cause = state.res_h_errno;
#ifdef __APPLE__
    res_ndestroy(&state);
#else
    res_nclose(&state);
#endif
    if (count < 0) {
        if (cause == HOST_NOT_FOUND || cause == NO_DATA) return CSYS_NOT_FOUND;
        return cause == TRY_AGAIN ? CSYS_TRY_AGAIN : CSYS_NO_RECOVERY;
    }
    if ((size_t)count > sizeof answer) count = sizeof answer;
    return csys_parse_texts(answer, (size_t)count, out, byte_count_max, text_count_max);
}

/* Interfaces */

int csys_interfaces(struct csys_interface *out, int count_max) {
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) return -errno;
    int count = 0;
    for (struct ifaddrs *entry = list; entry && count < count_max; entry = entry->ifa_next) {
        struct csys_interface *slot = &out[count];
        if (!(entry->ifa_flags & IFF_UP) || !entry->ifa_addr) continue;
        if (!load_ip(entry->ifa_addr, &slot->address)) continue;
        slot->index = if_nametoindex(entry->ifa_name);
        if (slot->index == 0) continue;
        slot->is_loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
        slot->has_multicast = (entry->ifa_flags & IFF_MULTICAST) != 0;
        memset(slot->name, 0, sizeof slot->name);
        strncpy(slot->name, entry->ifa_name, sizeof slot->name - 1);
        count++;
    }
    freeifaddrs(list);
    return count;
}

int csys_interface_changes_open(void) {
#ifdef __linux__
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return -errno;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
#else
    return -ENOSYS;
#endif
}

void csys_interface_changes_drain(int fd) {
    char bytes[8192];
    /* An overrun reports ENOBUFS once, which is a change too: what changed is read afresh anyway. */
    while (recv(fd, bytes, sizeof bytes, 0) > 0 || errno == ENOBUFS || errno == EINTR) {}
}
