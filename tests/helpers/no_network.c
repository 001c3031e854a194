/* Preloaded into every process of a command: refuses the network and writes down who asked.

   NO_NETWORK_LOG names the file of the notes. AF_UNIX and AF_NETLINK stay: both end in this
   machine's kernel. With NO_NETWORK_LOOPBACK=1 so do 127.0.0.0/8, ::1 and `localhost`.

   Functions of the C library are replaced, which tells names and addresses. What does not go
   through them (a system call of the program's own, the library's inner calls) is met by a filter
   in the kernel, which ends the process; not with NO_NETWORK_LOOPBACK, as a filter can't tell
   addresses. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static int loopback;

static void note(const char *call, const char *detail) {
  char line[512];
  int size = snprintf(line, sizeof line, "%s: %s %s\n", program_invocation_short_name, call, detail);
  int file = open(getenv("NO_NETWORK_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (size > (int)sizeof line) size = sizeof line;
  if (file < 0 || write(file, line, size) != size) abort();
  close(file);
}

static int refused_socket(int domain) {
  if (domain == AF_UNIX || domain == AF_NETLINK) return 0;
  return !(loopback && (domain == AF_INET || domain == AF_INET6));
}

static int is_loopback(const struct sockaddr *to) {
  if (to->sa_family == AF_INET)
    return ntohl(((const struct sockaddr_in *)to)->sin_addr.s_addr) >> 24 == 127;
  if (to->sa_family != AF_INET6) return 0;
  const struct in6_addr *six = &((const struct sockaddr_in6 *)to)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

/* Returns whether an address is refused, after a note of it. */
static int refused(const char *call, const struct sockaddr *to) {
  if (!to || to->sa_family == AF_UNSPEC || !refused_socket(to->sa_family)) {
    if (!to || !loopback || to->sa_family == AF_UNSPEC || to->sa_family == AF_UNIX ||
        to->sa_family == AF_NETLINK || is_loopback(to))
      return 0;
  }
  char address[INET6_ADDRSTRLEN] = "of another kind", text[INET6_ADDRSTRLEN + 16];
  if (to->sa_family == AF_INET)
    inet_ntop(AF_INET, &((const struct sockaddr_in *)to)->sin_addr, address, sizeof address);
  if (to->sa_family == AF_INET6)
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)to)->sin6_addr, address, sizeof address);
  /* The port lies at the same place in both. */
  snprintf(text, sizeof text, "%s port %d", address, ntohs(((const struct sockaddr_in *)to)->sin_port));
  note(call, text);
  errno = EACCES;
  return 1;
}

static int refused_name(const char *call, const char *name) {
  struct in6_addr unused;
  if (loopback && (!name || !strcmp(name, "localhost") || inet_pton(AF_INET, name, &unused) == 1 ||
                   inet_pton(AF_INET6, name, &unused) == 1))
    return 0;
  note(call, name ? name : "of this machine");
  return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int socket(int domain, int type, int protocol) {
  if (!refused_socket(domain)) return REAL(socket)(domain, type, protocol);
  char text[32];
  snprintf(text, sizeof text, "of family %d", domain);
  note("socket", text);
  errno = EACCES;
  return -1;
}

int connect(int file, const struct sockaddr *to, socklen_t size) {
  return refused("connect", to) ? -1 : REAL(connect)(file, to, size);
}

int bind(int file, const struct sockaddr *to, socklen_t size) {
  return refused("bind", to) ? -1 : REAL(bind)(file, to, size);
}

ssize_t sendto(int file, const void *data, size_t length, int flags, const struct sockaddr *to,
               socklen_t size) {
  return refused("sendto", to) ? -1 : REAL(sendto)(file, data, length, flags, to, size);
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
  return refused("sendmsg", message->msg_name) ? -1 : REAL(sendmsg)(file, message, flags);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  return refused_name("getaddrinfo", name) ? EAI_FAIL
                                           : REAL(getaddrinfo)(name, service, hints, found);
}

struct hostent *gethostbyname(const char *name) {
  return refused_name("gethostbyname", name) ? NULL : REAL(gethostbyname)(name);
}

struct hostent *gethostbyname2(const char *name, int family) {
  return refused_name("gethostbyname2", name) ? NULL : REAL(gethostbyname2)(name, family);
}

int gethostbyname_r(const char *name, struct hostent *entry, char *buffer, size_t size,
                    struct hostent **found, int *error) {
  if (!refused_name("gethostbyname_r", name))
    return REAL(gethostbyname_r)(name, entry, buffer, size, found, error);
  *found = NULL;
  *error = NO_RECOVERY;
  return EACCES;
}

int getnameinfo(const struct sockaddr *address, socklen_t size, char *host, socklen_t host_size,
                char *service, socklen_t service_size, int flags) {
  if (!(flags & NI_NUMERICHOST) && refused("getnameinfo", address)) return EAI_FAIL;
  return REAL(getnameinfo)(address, size, host, host_size, service, service_size, flags);
}

/* Makes the refused system call return an error. */
static void caught(int number, siginfo_t *unused, void *state) {
  (void)number, (void)unused;
  note("socket", "by a system call");
#if defined(__x86_64__)
  ((ucontext_t *)state)->uc_mcontext.gregs[REG_RAX] = -EACCES;
#elif defined(__aarch64__)
  ((ucontext_t *)state)->uc_mcontext.regs[0] = -EACCES;
#else
  (void)state;
  _exit(128 + SIGSYS);
#endif
}

static void filter_system_calls(void) {
  struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
  };
  struct sock_fprog filter = {sizeof rules / sizeof *rules, rules};
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSYS, &action, NULL);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
    note("no filter:", strerror(errno));
}

__attribute__((constructor)) static void begin(void) {
  const char *allowed = getenv("NO_NETWORK_LOOPBACK");
  loopback = allowed && *allowed == '1';
  if (!loopback) filter_system_calls();
}
