#pragma once
#include <iosfwd>

#include "result/trial_result.hpp"

namespace loadline {

/// A search's certificate, to be pasted into a pull request or a wiki (GitHub's Markdown): the
/// word, the figures, what to do next; the probes are folded away. Requires a capacity.
void write_markdown_certificate(std::ostream& out, const RunResult& result);

}  // namespace loadline
