#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

/// lab: servers of known behaviour for selftest, tests, faults and the demo.
namespace loadline {

/// A child process and all its descendants that stay in its process group: they end with
/// their owner, by SIGTERM to the whole group, then SIGKILL after 3 s. So a `sh -c` leaves no
/// server behind; only a descendant that opens a session of its own (setsid, a daemon) gets
/// away. The group is not ours, so that Ctrl-C at the terminal reaches only us and the load
/// can still drain. Should we die without a word, the kernel ends the first process alone.
///
/// Makes this process the reaper of orphans (PR_SET_CHILD_SUBREAPER): without it a dead
/// grandchild would stay a zombie wherever nobody is init, and its group never be empty.
class Child {
public:
    /// `command[0]` is looked up in PATH. stdout and stderr go to `log`, which is emptied
    /// first. Usage error when the program cannot be started.
    static Result<Child> start(const std::vector<std::string>& command,
                               const std::filesystem::path& log);
    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;
    ~Child() { end(); }

    /// The first line of the log that begins with `prefix`. Usage error, with the end of
    /// the log, when the process ends first or `limit` passes.
    Result<std::string> wait_for_line(const std::string& prefix, Duration limit);
    /// Whether anything of the group still runs: a shell may end before what it started.
    bool running();
    /// Ends the group now; returns when nothing of it is left, after 3 s at most and a kill.
    void end();
    pid_t pid() const { return pid_; }  ///< of the first process; -1 once the group is gone
    std::string log_tail() const;       ///< the last 2000 bytes it printed

private:
    Child(pid_t pid, std::filesystem::path log) : pid_{pid}, log_{std::move(log)} {}

    pid_t pid_ = -1;  ///< also the group's number, which stays taken while the group lives
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
