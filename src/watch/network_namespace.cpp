#include "watch/network_namespace.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

namespace loadline {
namespace {

/// The file that stands for a network namespace.
class NamespaceFile {
public:
    explicit NamespaceFile(int pid)
        : fd_{::open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC)} {}
    NamespaceFile(const NamespaceFile&) = delete;
    NamespaceFile& operator=(const NamespaceFile&) = delete;
    ~NamespaceFile() {
        if (fd_ >= 0) ::close(fd_);
    }

    bool open() const { return fd_ >= 0; }

    bool is_of_this_thread() const {
        struct stat there {
        }, here{};
        return ::fstat(fd_, &there) == 0 && ::stat("/proc/thread-self/ns/net", &here) == 0 &&
               there.st_dev == here.st_dev && there.st_ino == here.st_ino;
    }

    /// 0, or errno. For ever: of this thread only.
    int enter() const { return ::setns(fd_, CLONE_NEWNET) == 0 ? 0 : errno; }

private:
    int fd_;
};

bool forbidden(int error) { return error == EPERM || error == EACCES; }

Error not_looked_up(int pid, int error) {
    const auto what = fmt::format("the network namespace of process {} cannot be looked up", pid);
    if (!forbidden(error)) return usage_error(fmt::format("{}: {}", what, std::strerror(error)));
    return usage_error(
        fmt::format("{}: needs its user or CAP_SYS_PTRACE, and CAP_SYS_ADMIN to enter it", what));
}

Error not_entered(int pid, int error) {
    const auto what = fmt::format("the network namespace of process {} cannot be entered", pid);
    if (!forbidden(error)) return usage_error(fmt::format("{}: {}", what, std::strerror(error)));
    return usage_error(what + ": needs CAP_SYS_ADMIN");
}

}  // namespace

Result<void> in_network_namespace(int pid, const std::function<void()>& what) {
    const NamespaceFile target{pid};
    if (!target.open()) return not_looked_up(pid, errno);
    if (target.is_of_this_thread()) {
        what();
        return {};
    }
    int error = 0;
    std::thread{[&] {
        error = target.enter();
        if (error == 0) what();
    }}.join();
    if (error != 0) return not_entered(pid, error);
    return {};
}

}  // namespace loadline
