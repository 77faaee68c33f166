/* Compile-time limits of PJSIP for a server process. The defaults are a softphone's: 4 calls,
 * 64 sockets, small packets. Sizes of tables cost memory only when used. */

/* Assertions off, argument checks on: a bad packet must give an error, never end the process. */
#define NDEBUG 1
#define PJ_ENABLE_EXTRA_CHECK 1
#define PJ_LOG_MAX_LEVEL 4
#define PJ_OS_HAS_CHECK_STACK 0

/* Far above the admission limit (480): when PJSUA's own slots run out it answers 486 by itself,
 * which trunks take as final; we want to say 503 with Retry-After. */
#define PJSUA_MAX_CALLS 1024
#define PJSUA_MAX_ACC 64
/* Two ports for each call (its stream and our frame port), and room to spare. */
#define PJSUA_MAX_CONF_PORTS 2100
/* About three sockets for each call; needs epoll. */
#define PJ_IOQUEUE_MAX_HANDLES 5000
#define PJ_IOQUEUE_HAS_SAFE_UNREG 1

#define PJSIP_MAX_TSX_COUNT ((64 * 1024) - 1)
#define PJSIP_MAX_DIALOG_COUNT ((64 * 1024) - 1)
/* SDP of browsers and STIR identities do not fit into the default 4000 bytes. */
#define PJSIP_MAX_PKT_LEN 65535
#define PJSIP_MAX_URL_SIZE 512
#define PJSIP_UDP_SO_SNDBUF_SIZE (512 * 1024)
#define PJSIP_UDP_SO_RCVBUF_SIZE (512 * 1024)

#define PJMEDIA_HAS_VIDEO 0
#define PJMEDIA_SRTP_HAS_DTLS 1
/* A ClientHello from elsewhere must not win the race for the media session. */
#define PJMEDIA_SRTP_DTLS_CHECK_HELLO_ADDR 1
#define PJ_ICE_MAX_CAND 64
