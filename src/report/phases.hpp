#pragma once
#include <string>
#include <vector>

#include "result/trial_result.hpp"

namespace loadline {

/// Where the time of each step went, as the cells of a table: opening the connection (of the
/// exchanges that were the first on theirs), waiting for the first byte, reading the rest.
/// Columns that no step fills are left out; no rows when nothing was answered.
struct PhaseTable {
    std::vector<std::string> titles;  ///< the first one is the step's
    std::vector<std::vector<std::string>> rows;
};
PhaseTable phase_table(const RunResult& result);

/// "12 requests were sent once more, ...": what the tool did by itself; empty when nothing.
std::string resends_text(const RunResult& result);

/// "service: 127.0.0.1:8080, resolved in 210 µs", one per target.
std::vector<std::string> address_texts(const RunResult& result);

/// "127.0.0.1 to 127.0.0.4 (4 addresses)": our own, where there are several or one was asked
/// for; else empty.
std::string sources_text(const RunResult& result);

}  // namespace loadline
