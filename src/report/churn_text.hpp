#pragma once
#include <string>
#include <vector>

#include "result/trial_result.hpp"

namespace loadline {

/// What reports print of the churn: a table of the modes that have a weight, and sentences.
struct ChurnTable {
    std::string title;  ///< "how 5 % of the journeys ended their connections"
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
    std::vector<std::string> sentences;
    std::string doubt;  ///< empty: none
};

/// Empty, without columns, where nothing churns.
ChurnTable churn_table(const RunResult& result);

}  // namespace loadline
