#include "report/live.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <string_view>

#include "base/units.hpp"
#include "report/figures.hpp"
#include "report/text.hpp"

namespace loadline {
namespace {

/// "[#######.....] ": only when the end is known.
std::string bar(Duration elapsed, Duration planned) {
    constexpr int cells = 16;
    const auto share = std::clamp(to_seconds(elapsed) / to_seconds(planned), 0.0, 1.0);
    const auto full = static_cast<std::size_t>(share * cells);
    return "[" + std::string(full, '#') + std::string(cells - full, '.') + "] ";
}

std::string whole_seconds(Duration d) {
    return fmt::format("{}s", std::chrono::round<std::chrono::seconds>(d).count());
}

}  // namespace

LiveDisplay::LiveDisplay(std::ostream& out, bool terminal) : out_{out} {
    const char* term = std::getenv("TERM");
    options_.rewrite = terminal && (!term || std::string_view{term} != "dumb");
    if (options_.rewrite) options_.terminal = STDERR_FILENO;
}

std::size_t LiveDisplay::width() const {
    winsize size{};
    const bool asked = options_.terminal >= 0 &&
                       ::ioctl(options_.terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    const int columns = asked ? size.ws_col : options_.columns;
    return static_cast<std::size_t>(std::max(columns - 1, 1));  // the last column would wrap
}

void LiveDisplay::trial_started(std::string label, Duration planned) {
    label_ = std::move(label);
    planned_ = planned;
    base_known_ = false;
    next_plain_ = options_.every;
}

void LiveDisplay::second(const TimelinePoint& point) {
    if (!base_known_) {
        base_ = point.since_start - point.length;
        base_known_ = true;
    }
    const auto elapsed = point.since_start - base_;
    if (options_.rewrite) {
        out_ << '\r' << line_of(point, elapsed, width()) << "\x1b[K" << std::flush;
        drawn_ = true;
        return;
    }
    if (elapsed < next_plain_) return;
    while (next_plain_ <= elapsed) next_plain_ += std::max(options_.every, Duration{1});
    out_ << line_of(point, elapsed, std::string::npos) << '\n' << std::flush;
}

/// What matters most stands left: a narrow terminal cuts off the right.
std::string LiveDisplay::line_of(const TimelinePoint& point, Duration elapsed,
                                 std::size_t width) const {
    const auto length = std::max(to_seconds(point.length), 1e-9);
    const auto rate = static_cast<double>(point.started) / length;
    std::string line;
    if (options_.rewrite && planned_.count() > 0 && width >= 70) line += bar(elapsed, planned_);
    line += whole_seconds(elapsed);
    if (planned_.count() > 0) line += "/" + whole_seconds(planned_);
    if (!label_.empty()) line += "  " + printable(label_);
    if (point.phase != Phase::measure) line += fmt::format("  {}", to_string(point.phase));
    line += fmt::format("  {}", format_number(rate));
    if (point.intended_rate > 0) line += " of " + format_number(point.intended_rate);
    line += "/s";
    if (point.transactions > 0 || point.errors > 0) {
        const bool unanswered = point.p99 >= Histogram::unanswered;
        line += "  p99 " + (unanswered ? "unanswered" : format_duration(point.p99));
    }
    line += fmt::format("  errors {}", count_text(point.errors));
    line += fmt::format("  in flight {}", count_text(point.in_flight));
    if (point.sockets)
        line += fmt::format("  close-wait {}", count_text(point.sockets->close_wait));
    if (point.dropped) line += fmt::format("  dropped {}", count_text(point.dropped));
    return width == std::string::npos ? line : fit(line, width);
}

void LiveDisplay::probe_finished(const ProbeResult& probe) {
    const bool unanswered = probe.p99 >= Histogram::unanswered;
    auto line =
        fmt::format("probe {:<2} {:<7} {:>8}  {:>5}  p99 {:>8}  errors {:>6}  {}", ++probes_,
                    to_string(probe.kind), format_number(probe.rate.per_second()) + "/s",
                    whole_seconds(probe.length), unanswered ? "none" : format_duration(probe.p99),
                    format_share(probe.error_share), to_string(probe.word));
    if (!probe.why.empty()) line += "  " + printable(probe.why);
    keep(line);
}

void LiveDisplay::note(const std::string& text) { keep(printable(text)); }

void LiveDisplay::keep(const std::string& line) {
    finish();
    out_ << (options_.rewrite ? fit(line, width()) : line) << '\n' << std::flush;
}

void LiveDisplay::finish() {
    if (!drawn_) return;
    out_ << "\r\x1b[K" << std::flush;
    drawn_ = false;
}

}  // namespace loadline
