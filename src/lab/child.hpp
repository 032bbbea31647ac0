#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

/// lab: servers of known behaviour for selftest, tests, faults and the demo.
namespace loadline {

/// A child process that ends with its owner: SIGTERM, then SIGKILL after 3 s. It stands in
/// a process group of its own, so that Ctrl-C at the terminal reaches only us and the load
/// can still drain; should we die without a word, the kernel ends it.
class Child {
public:
    /// `command[0]` is looked up in PATH. stdout and stderr go to `log`. Usage error when
    /// the program cannot be started.
    static Result<Child> start(const std::vector<std::string>& command,
                               const std::filesystem::path& log);
    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;
    ~Child();

    /// The first line of the log that begins with `prefix`. Usage error, with the end of
    /// the log, when the process ends first or `limit` passes.
    Result<std::string> wait_for_line(const std::string& prefix, Duration limit);
    bool running();
    pid_t pid() const { return pid_; }

private:
    Child(pid_t pid, std::filesystem::path log) : pid_{pid}, log_{std::move(log)} {}
    std::string log_tail() const;

    pid_t pid_ = -1;
    std::filesystem::path log_;
};

struct PrivateRedis {
    Child child;
    int port = 0;
};

/// A redis-server of our own on a free port of 127.0.0.1, with its files in `folder` and
/// nothing saved. Usage error when redis-server is not installed or does not come up.
Result<PrivateRedis> start_private_redis(const std::filesystem::path& folder);

}  // namespace loadline
