#include "lab/service_command.hpp"

#include <fmt/format.h>

#include <thread>

#include "base/stop.hpp"
#include "net/endpoint.hpp"

namespace loadline {
namespace {

constexpr auto poll_every = std::chrono::milliseconds{20};

bool answers(const Url& url) {
    constexpr auto patience = std::chrono::seconds{1};
    const auto endpoints = resolve(url, patience);
    if (!endpoints) return false;
    for (const auto& endpoint : *endpoints) {
        if (probe_connect(url, endpoint, patience)) return true;
    }
    return false;
}

/// Polls until nobody answers at any of the addresses; the one where somebody still does.
const Url* still_answering(const std::vector<Url>& addresses, Duration limit) {
    const auto end = Clock::now() + limit;
    for (;;) {
        const Url* found = nullptr;
        for (const auto& address : addresses) {
            if (answers(address)) found = &address;
        }
        if (!found || Clock::now() > end || stop_signal() != 0) return found;
        std::this_thread::sleep_for(poll_every);
    }
}

}  // namespace

std::vector<Url> silent_addresses(const std::vector<Url>& addresses) {
    std::vector<Url> silent;
    for (const auto& address : addresses) {
        if (!answers(address)) silent.push_back(address);
    }
    return silent;
}

Result<Child> start_service(const std::string& command, const std::vector<Url>& addresses,
                            Duration limit, const std::filesystem::path& log) {
    if (const auto* taken = still_answering(addresses, std::chrono::seconds{5})) {
        return usage_error(fmt::format(
            "something answers at {} before \"{}\" is started, and would be measured instead\n"
            "   hint: end it; a start command must stay in the foreground",
            taken->endpoint(), command));
    }
    auto child = Child::start({"/bin/sh", "-c", command}, log);
    if (!child) return child.error();
    const auto end = Clock::now() + limit;
    for (;;) {
        const bool alive = child->running();
        const auto silent = silent_addresses(addresses);
        if (silent.empty() && alive) return child;
        if (stop_signal() != 0) return unreachable_error("interrupted");
        const auto tail = child->log_tail();
        const auto printed = tail.empty() ? std::string{"it printed nothing"} : tail;
        if (!alive) {
            return usage_error(
                fmt::format("\"{}\" ended before the service was there:\n{}", command, printed));
        }
        if (Clock::now() > end) {
            return unreachable_error(fmt::format("\"{}\" does not answer at {} within {}:\n{}",
                                                 command, silent.front().endpoint(),
                                                 format_duration(limit), printed));
        }
        std::this_thread::sleep_for(poll_every);
    }
}

}  // namespace loadline
