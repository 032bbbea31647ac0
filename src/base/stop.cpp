#include "base/stop.hpp"

#include <atomic>
#include <csignal>

namespace loadline {
namespace {

std::atomic<int> signal_{0};
std::atomic<int> count_{0};
static_assert(std::atomic<int>::is_always_lock_free);  // safe in a signal handler

extern "C" void on_stop_signal(int number) {
    signal_.store(number);
    count_.fetch_add(1);
}

}  // namespace

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_handler = on_stop_signal;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is a full disk: an error, not the end
}

int stop_signal() { return signal_.load(); }
int stop_count() { return count_.load(); }

}  // namespace loadline
