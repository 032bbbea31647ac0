#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace loadline {

enum class VerdictWord : std::uint8_t { pass, fail, invalid };
const char* to_string(VerdictWord word);  ///< "PASS", "FAIL", "INVALID"

/// Why: a sentence for people and a code for machines ("slo", "too_few_samples",
/// "client_limit", "send_lag", "schedule", "leak", "fd_exhausted", "interrupted", "unreachable",
/// ...).
struct Reason {
    std::string code;
    std::string text;
};

struct Verdict {
    VerdictWord word = VerdictWord::invalid;
    std::vector<Reason> reasons;
};

}  // namespace loadline
