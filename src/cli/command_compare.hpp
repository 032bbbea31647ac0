#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "report/folder.hpp"
#include "result/comparison.hpp"

namespace loadline {

/// What `compare` was asked for, as strings.
struct CompareFlags {
    SharedFlags shared;
    std::vector<std::string> what;  ///< a scenario, or two report folders
    std::string base, candidate;    ///< start commands or URLs
    std::string rate, pairs = "10", segment, warmup = "1s", ready_timeout = "30s";
    std::vector<std::string> history;  ///< folders of runs
    bool max_tps = false, strict = false;
    std::vector<std::string> typed;  ///< the flags that stand on the command line: "--rate"
};

/// Adds the command `compare`. When it was parsed, `run()` does it and returns the exit code.
CLI::App* add_compare_command(CLI::App& app, std::vector<std::string> arguments,
                              std::function<int()>& run);

/// The gate: loads both sides in turn and judges the pairs (compare_gate.cpp).
int compare_gate(const CompareFlags& flags);

/// Prints the comparison, writes compare.json, compare.md and compare.junit.xml into the
/// folder (if there is one), appends to $GITHUB_STEP_SUMMARY (if set); the exit code.
int report_comparison(const Comparison& comparison, const CompareFlags& flags,
                      const RunFolder* folder);

}  // namespace loadline
