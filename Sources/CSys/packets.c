#include "csys.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#ifdef __linux__
/* The kernel's own header: that of the C library knows an older and shorter structure, and the two exclude each other. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#endif

int csys_packet_counts(int fd, struct csys_packet_counts *out) {
#ifdef __linux__
    struct tcp_info info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return -errno;
    /* Kernels before 4.9 tell less. */
    if (length < offsetof(struct tcp_info, tcpi_delivery_rate) + sizeof info.tcpi_delivery_rate) return -ENOTSUP;
    out->sent = info.tcpi_data_segs_out;
    out->repeated = info.tcpi_total_retrans;
    out->bytes_per_second =
        info.tcpi_delivery_rate_app_limited || info.tcpi_delivery_rate == 0 ? -1 : (int64_t)info.tcpi_delivery_rate;
    return 0;
#else
    (void)fd;
    (void)out;
    return -ENOTSUP;
#endif
}
