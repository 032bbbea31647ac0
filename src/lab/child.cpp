#include "lab/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

namespace loadline {
namespace {

/// A port of 127.0.0.1 that is free at this moment.
int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    int port = 0;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
        port = ntohs(address.sin_port);
    }
    ::close(fd);
    return port;
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& command,
                           const std::filesystem::path& log) {
    std::vector<char*> argv;
    for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    int pipe_fds[2];
    if (::pipe2(pipe_fds, O_CLOEXEC) != 0)
        return usage_error(fmt::format("pipe: {}", std::strerror(errno)));
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const auto path = log.string();
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        const int null = ::open("/dev/null", O_RDONLY);
        const int out = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
        ::dup2(null, 0);
        ::dup2(out, 1);
        ::dup2(out, 2);
        if (::getppid() == parent) ::execvp(argv[0], argv.data());
        const int error = errno;
        [[maybe_unused]] const auto n = ::write(pipe_fds[1], &error, sizeof error);
        ::_exit(127);
    }
    if (pid > 0) ::setpgid(pid, pid);  // whoever of us comes first
    ::close(pipe_fds[1]);
    int error = pid < 0 ? errno : 0;
    if (pid > 0 && ::read(pipe_fds[0], &error, sizeof error) != sizeof error) error = 0;
    ::close(pipe_fds[0]);
    if (error != 0) {
        if (pid > 0) ::waitpid(pid, nullptr, 0);
        return usage_error(fmt::format("cannot start {}: {}", command[0], std::strerror(error)));
    }
    return Child{pid, log};
}

Child::Child(Child&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)}, log_{std::move(other.log_)} {}

bool Child::running() {
    if (pid_ <= 0) return false;
    while (::waitpid(-pid_, nullptr, WNOHANG) > 0) {
    }
    if (::kill(-pid_, 0) != 0 && errno == ESRCH) pid_ = -1;
    return pid_ > 0;
}

void Child::end() {
    if (!running()) return;
    ::kill(-pid_, SIGTERM);
    const auto patience = Clock::now() + std::chrono::seconds{3};
    while (running() && Clock::now() < patience) {
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    if (pid_ > 0) ::kill(-pid_, SIGKILL);
    const auto end = Clock::now() + std::chrono::seconds{3};  // a process in the kernel's hands
    while (running() && Clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    pid_ = -1;
}

Result<std::string> Child::wait_for_line(const std::string& prefix, Duration limit) {
    const auto end = Clock::now() + limit;
    for (;;) {
        const bool alive = running();
        std::ifstream in{log_};
        for (std::string line; std::getline(in, line) && !in.eof();) {  // whole lines only
            if (line.rfind(prefix, 0) == 0) return line;
        }
        if (!alive) return usage_error("it ended before it was ready:\n" + log_tail());
        if (Clock::now() > end) {
            return usage_error(
                fmt::format("it was not ready within {}:\n{}", format_duration(limit), log_tail()));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
}

std::string Child::log_tail() const {
    std::ifstream in{log_};
    std::ostringstream text;
    text << in.rdbuf();
    auto tail = text.str();
    if (tail.size() > 2000) tail.erase(0, tail.size() - 2000);
    return tail;
}

Result<PrivateRedis> start_private_redis(const std::filesystem::path& folder) {
    const int port = free_port();
    auto child = Child::start({"redis-server", "--port", std::to_string(port), "--bind",
                               "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
                               folder.string(), "--logfile", (folder / "redis.log").string()},
                              folder / "redis.out");
    if (!child) return child.error();
    const auto end = Clock::now() + std::chrono::seconds{10};
    for (;;) {
        std::ifstream in{folder / "redis.log"};
        for (std::string line; std::getline(in, line);) {
            if (line.find("Ready to accept connections") != std::string::npos) {
                return PrivateRedis{std::move(*child), port};
            }
        }
        if (!child->running() || Clock::now() > end)
            return usage_error("redis-server did not come up");
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
}

}  // namespace loadline
