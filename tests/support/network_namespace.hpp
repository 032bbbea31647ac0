#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "watch/network_namespace.hpp"

namespace loadline {

/// A process that does nothing, in a network namespace of its own whose loopback is up: what a
/// container's first process is to a watcher outside. Make it before any thread is started.
class Container {
public:
    Container() {
        int ready[2];
        if (::pipe2(ready, O_CLOEXEC) != 0) return;
        pid_ = ::fork();
        if (pid_ == 0) hold(ready[1]);
        ::close(ready[1]);
        char error = 0;
        if (::read(ready[0], &error, 1) != 1) error = EIO;
        ::close(ready[0]);
        if (error != 0) reason_ = std::string{"no network namespace: "} + std::strerror(error);
    }
    ~Container() { end(); }
    Container(const Container&) = delete;
    Container& operator=(const Container&) = delete;

    int pid() const { return pid_; }
    /// Why there is none on this machine; empty: there is.
    const std::string& reason() const { return reason_; }

    /// Calls `what` inside.
    void run(const std::function<void()>& what) const {
        const auto entered = in_network_namespace(pid_, what);
        EXPECT_TRUE(entered) << entered.error().message;
    }

    void end() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }

private:
    [[noreturn]] static void hold(int ready) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const char error = static_cast<char>(enter());
        if (::write(ready, &error, 1) != 1 || error != 0) ::_exit(1);
        for (;;) ::pause();
    }

    /// 0, or errno.
    static int enter() {
        if (::unshare(CLONE_NEWNET) != 0) return errno;
        const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ifreq loopback{};
        std::strcpy(loopback.ifr_name, "lo");
        loopback.ifr_flags = IFF_UP | IFF_RUNNING;
        const bool up = ::ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
        const int error = up ? 0 : errno;
        ::close(fd);
        return error;
    }

    pid_t pid_ = -1;
    std::string reason_;
};

/// The network namespace that the calling thread is in.
inline ino_t network_namespace_of_this_thread() {
    struct stat info {};
    EXPECT_EQ(::stat("/proc/thread-self/ns/net", &info), 0);
    return info.st_ino;
}

}  // namespace loadline
