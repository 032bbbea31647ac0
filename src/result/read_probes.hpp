#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "result/certificate.hpp"

namespace loadline {

/// The probes of an earlier search from its summary.json, as summary_json wrote them. `clauses`:
/// the texts of the SLO clauses now, in order. Usage error when the document is no search's, when
/// it has no probes, or when it was about another SLO.
Result<std::vector<ProbeResult>> read_probes(const nlohmann::ordered_json& summary,
                                             const std::vector<std::string>& clauses);

}  // namespace loadline
