/// Writes a report of a made-up result: `sample_report NAME terminal|colour|html|markdown`.
#include <fmt/format.h>

#include <functional>
#include <iostream>
#include <map>
#include <string>

#include "report/html.hpp"
#include "report/markdown.hpp"
#include "report/terminal.hpp"
#include "sample_results.hpp"

int main(int argc, char** argv) {
    using namespace loadline;
    const std::map<std::string, RunResult (*)()> results{
        {"passing", samples::passing_run},        {"failing", samples::failing_run},
        {"search", samples::confirmed_search},    {"limited", samples::limited_search},
        {"estimate", samples::estimated_search},  {"leaking", samples::leaking_run},
        {"hostile", samples::hostile_run},        {"long", samples::long_run},
        {"unreachable", samples::unreachable_run}};
    const std::map<std::string, std::function<void(const RunResult&)>> reports{
        {"terminal", [](const RunResult& r) { write_terminal(std::cout, r, false); }},
        {"markdown", [](const RunResult& r) { write_markdown_certificate(std::cout, r); }},
        {"html", [](const RunResult& r) { write_html(std::cout, r); }},
        {"colour", [](const RunResult& r) { write_terminal(std::cout, r, true); }}};
    if (argc != 3 || !results.contains(argv[1]) || !reports.contains(argv[2])) {
        fmt::print(stderr, "usage: sample_report NAME REPORT; the names are in {}\n", __FILE__);
        return 2;
    }
    reports.at(argv[2])(results.at(argv[1])());
    return std::cout.flush() ? 0 : 1;
}
