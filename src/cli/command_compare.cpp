#include "cli/command_compare.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>

#include "base/log.hpp"
#include "cli/version.hpp"
#include "report/comparison.hpp"
#include "result/compare_stored.hpp"

namespace loadline {
namespace {

/// The flags of each kind of comparison, beside --out, --json, --quiet and --strict.
constexpr const char* about_stored[] = {"--history", "--max-tps"};

bool any_of(const std::vector<std::string>& typed, const char* flag) {
    return std::find(typed.begin(), typed.end(), flag) != typed.end();
}

/// The long names of the options that were typed; those from the environment are not.
std::vector<std::string> typed_flags(const CLI::App& app,
                                     const std::vector<std::string>& arguments) {
    std::vector<std::string> typed;
    for (const auto* option : app.get_options()) {
        if (option->count() == 0 || option->get_lnames().empty()) continue;
        const auto name = "--" + option->get_lnames().front();
        const auto stands = [&](const std::string& argument) {
            if (argument == name || argument.starts_with(name + "=")) return true;
            return std::any_of(
                option->get_snames().begin(), option->get_snames().end(),
                [&](const std::string& letter) { return argument.starts_with("-" + letter); });
        };
        if (std::any_of(arguments.begin(), arguments.end(), stands)) typed.push_back(name);
    }
    return typed;
}

/// Refuses what would be without effect on the comparison that was asked for.
Result<void> check_flags(const CompareFlags& flags) {
    const bool gate = !flags.base.empty() || !flags.candidate.empty();
    if (gate) {
        if (flags.base.empty() || flags.candidate.empty())
            return usage_error("a gate needs both --base and --candidate");
        if (flags.what.size() != 1)
            return usage_error(
                "a gate needs one scenario: loadline compare --base CMD --candidate "
                "CMD scenario.json");
        for (const auto* flag : about_stored) {
            if (any_of(flags.typed, flag))
                return usage_error(fmt::format("{} is for two report folders", flag));
        }
        return {};
    }
    if (flags.what.size() != 2) {
        return usage_error(
            "it takes two report folders, the base's and the candidate's; or a "
            "scenario with --base CMD and --candidate CMD");
    }
    for (const auto& flag : flags.typed) {
        const bool fits = flag == "--out" || flag == "--json" || flag == "--quiet" ||
                          flag == "--strict" || flag == about_stored[0] || flag == about_stored[1];
        if (!fits) {
            return usage_error(fmt::format(
                "{} is for a gate (--base CMD --candidate CMD): stored runs send nothing", flag));
        }
    }
    if (flags.max_tps && !flags.history.empty())
        return usage_error("--history is for latencies; --max-tps takes the two searches alone");
    return {};
}

Result<std::vector<StoredRun>> read_history(const CompareFlags& flags) {
    std::vector<StoredRun> history;
    for (const auto& path : flags.history) {
        auto runs = read_stored_runs(path);
        if (!runs) return Error{runs.error().kind, "--history " + runs.error().message};
        for (auto& run : *runs) history.push_back(std::move(run));
    }
    return history;
}

int compare_folders(const CompareFlags& flags) {
    const auto started_at = std::chrono::system_clock::now();
    const auto begin = Clock::now();
    const auto base = read_stored_run(flags.what[0]);
    if (!base) return fail(base.error());
    const auto candidate = read_stored_run(flags.what[1]);
    if (!candidate) return fail(candidate.error());
    const auto history = read_history(flags);
    if (!history) return fail(history.error());
    auto comparison = flags.max_tps ? compare_capacity(*base, *candidate)
                                    : compare_stored(*base, *candidate, *history);
    if (!comparison) return fail(comparison.error());
    comparison->started_at = started_at;
    comparison->elapsed = Clock::now() - begin;
    if (flags.shared.out.empty()) return report_comparison(*comparison, flags, nullptr);
    const auto folder = RunFolder::create(flags.shared.out);
    if (!folder) return fail(folder.error());
    return report_comparison(*comparison, flags, &*folder);
}

/// A job's page on GitHub; a failure is a warning, for the verdict stands elsewhere too.
void append_step_summary(const Comparison& comparison) {
    const char* path = std::getenv("GITHUB_STEP_SUMMARY");
    if (!path || *path == '\0') return;
    std::ofstream out{path, std::ios::app};
    write_comparison_markdown(out, comparison);
    out << '\n';
    if (!out.flush()) log_warn(fmt::format("GITHUB_STEP_SUMMARY={} cannot be written", path));
}

}  // namespace

int report_comparison(const Comparison& comparison, const CompareFlags& flags,
                      const RunFolder* folder) {
    auto c = comparison;
    c.version = version;
    c.machine = read_machine();
    c.strict = flags.strict;
    if (flags.shared.json) {
        write_comparison_json(std::cout, c);
    } else {
        const bool colour = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
        write_comparison_terminal(std::cout, c, colour);
    }
    std::cout.flush();
    append_step_summary(c);
    if (!folder) return exit_code(c);
    const std::pair<const char*, void (*)(std::ostream&, const Comparison&)> files[] = {
        {"compare.json", write_comparison_json},
        {"compare.md", write_comparison_markdown},
        {"compare.junit.xml", write_comparison_junit}};
    Result<void> first;
    for (const auto& [name, write] : files) {
        auto written = folder->write_file(name, [&, w = write](std::ostream& out) { w(out, c); });
        if (!written && first) first = std::move(written);
    }
    if (!first) return fail(first.error());
    if (!flags.shared.quiet) {
        fmt::print(stderr, "report: {}\n", (folder->path() / "compare.md").string());
    }
    return exit_code(c);
}

CLI::App* add_compare_command(CLI::App& app, std::vector<std::string> arguments,
                              std::function<int()>& run) {
    auto flags = std::make_shared<CompareFlags>();  // lives as long as `run`
    auto* compare = app.add_subcommand(
        "compare", "is the candidate slower than the base? Two report folders, or a gate");
    compare->footer(
        "Two stored runs (a regression is a WARN, exit 0, unless --strict):\n"
        "  loadline compare reports/bet/20261120T080000Z reports/bet/20261121T080000Z\n"
        "Two stored searches:\n"
        "  loadline compare --max-tps reports/bet/A reports/bet/B\n"
        "A gate: both builds in turn, each segment after a restart; a regression fails, exit 1:\n"
        "  loadline compare --base './old --port 8080' --candidate './new --port 8080' bet.json\n"
        "Choose a rate of 0.6 to 0.7 of the base's maximum: near it percentiles only tell luck.");
    compare->add_option("what", flags->what, "a scenario file, or two report folders")
        ->required()
        ->expected(1, 2);
    compare->add_option("--base", flags->base,
                        "gate: the command that starts the base in the foreground; or its URL "
                        "(NAME=URL where the scenario has several targets)");
    compare->add_option("--candidate", flags->candidate, "gate: the same of the candidate");
    compare
        ->add_option("-R,--rate", flags->rate,
                     "gate: journeys per second (default: the scenario's)")
        ->envname("LOADLINE_RATE");
    compare->add_option("--pairs", flags->pairs, "gate: pairs of segments, 8 at least")
        ->capture_default_str();
    compare->add_option("--segment", flags->segment,
                        "gate: measured length of a segment (default: 15s, or 2000 journeys where "
                        "these take longer)");
    compare
        ->add_option("--warmup", flags->warmup,
                     "gate: load at the start of each segment that is not measured")
        ->capture_default_str();
    compare
        ->add_option("--ready-timeout", flags->ready_timeout,
                     "gate: until a started service accepts connections")
        ->capture_default_str();
    compare
        ->add_option("--history", flags->history,
                     "folders: further runs of the base's build, one or a folder of them; their "
                     "spread sets the limits (repeatable)")
        ->allow_extra_args(false)
        ->type_name("DIR");
    compare->add_flag("--max-tps", flags->max_tps, "folders: compare the capacities of searches");
    compare->add_flag("--strict", flags->strict, "a WARN exits 1");
    add_load_flags(*compare, flags->shared);
    compare->add_option("--out", flags->shared.out,
                        "write compare.json, compare.md and compare.junit.xml here (default: of a "
                        "gate reports/compare-<scenario>/<UTC time>, of folders nowhere)");
    compare->add_flag("--quiet", flags->shared.quiet, "no progress on stderr");
    compare->add_flag("--json", flags->shared.json, "compare.json on stdout instead of text");
    run = [flags, compare, words = std::move(arguments)] {
        flags->shared.arguments = words;
        flags->typed = typed_flags(*compare, words);
        if (const auto fits = check_flags(*flags); !fits) return fail(fits.error());
        return flags->base.empty() ? compare_folders(*flags) : compare_gate(*flags);
    };
    return compare;
}

}  // namespace loadline
