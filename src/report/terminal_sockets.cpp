#include "report/terminal_sockets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/units.hpp"
#include "report/figures.hpp"

namespace loadline {
namespace {

constexpr std::size_t most_shown = 5;

Style style_of(SocketWord word) {
    switch (word) {
        case SocketWord::ok:
        case SocketWord::transient:
        case SocketWord::reclaimed:
            return Style::good;
        case SocketWord::leak_confirmed:
            return Style::bad;
        default:
            return Style::doubtful;
    }
}

std::string closes_text(const SocketReport& s) {
    auto line = count_text(s.closes) + " closes by us";
    if (s.word != SocketWord::unknown) {
        line += fmt::format(" · CLOSE_WAIT at most {} · {} there before the load",
                            count_text(s.close_wait_max), count_text(s.before));
    }
    if (s.leaked == 0) return line;
    line += fmt::format(" · {} stayed", count_text(s.leaked));
    if (!s.leak_fraction) return line;
    return line + fmt::format(" ({} of closes, 95 % {} to {})", format_share(*s.leak_fraction),
                              format_share(s.leak_fraction_interval[0]),
                              format_share(s.leak_fraction_interval[1]));
}

/// "2m3s to 2m4s", as narrow as it can be told.
std::string age_text(const StuckSocket& socket) {
    const auto least = format_duration(socket.age_at_least);
    const auto most = format_duration(socket.age_at_most);
    if (!socket.age_bounded) return "at least " + least;
    return least == most ? least : least + " to " + most;
}

void write_oldest(TerminalPaper& paper, const SocketReport& s) {
    Table table{
        {{"oldest in CLOSE_WAIT"}, {"age"}, {"what it says", true, true}, {"the kernel", true}}};
    const auto shown = std::min(most_shown, s.oldest.size());
    for (std::size_t i = 0; i < shown; ++i) {
        const auto& socket = s.oldest[i];
        table.add({{printable(socket.peer)},
                   {age_text(socket)},
                   {meaning_of(socket)},
                   {kernel_text(socket)}});
    }
    paper.write(table);
    if (s.leaked > shown) {
        paper.sentence("  ", fmt::format("and {} more", count_text(s.leaked - shown)), Style::dim);
    }
}

}  // namespace

void write_sockets(TerminalPaper& paper, const RunResult& result) {
    if (!result.sockets) {
        if (result.not_watched.empty()) return;
        paper.title("Sockets");
        paper.sentence("  ", "not watched: " + result.not_watched);
        return;
    }
    const auto& s = *result.sockets;
    paper.title(s.counts_only ? "Sockets of the whole machine"
                              : fmt::format("Sockets of port {}", s.port));
    paper.worded("  ", to_string(s.word), style_of(s.word), s.text);
    if (s.pid) paper.sentence("  ", fmt::format("process {}  {}", *s.pid, s.command));
    paper.sentence("  ", closes_text(s));
    for (const auto& [name, fact] : socket_facts(s)) {
        auto label = name;
        label[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(label[0])));
        paper.sentence("  ", label + ": " + fact);
    }
    for (const auto& flag : s.flags) paper.sentence("  flag: ", flag, Style::bad);
    if (s.leaked > 0 && !s.oldest.empty()) write_oldest(paper, s);
}

}  // namespace loadline
