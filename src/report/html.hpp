#pragma once
#include <iosfwd>

#include "result/trial_result.hpp"

namespace loadline {

/// The whole result as one page for a browser: self-contained, asks the network for nothing,
/// light and dark, printable; its tables read without scripts. Names and replies are hostile
/// input: everything is escaped, and the page's own policy refuses any script but its own.
void write_html(std::ostream& out, const RunResult& result);

}  // namespace loadline
