#include "base/log.hpp"

#include <atomic>
#include <cstdio>
#include <string>

namespace loadline {
namespace {

std::atomic<bool> quiet_{false};

void write_line(const char* level, std::string_view text) {
    std::string line{level};
    line += ' ';
    line += text;
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);  // one call: lines of threads never mix
}

}  // namespace

void log_info(std::string_view text) {
    if (!quiet_.load(std::memory_order_relaxed)) write_line("info", text);
}
void log_warn(std::string_view text) { write_line("warn", text); }
void set_log_quiet(bool quiet) { quiet_.store(quiet, std::memory_order_relaxed); }

}  // namespace loadline
