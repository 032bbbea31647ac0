#include "report/html_churn.hpp"

#include <fmt/format.h>

#include <cctype>

#include "report/churn_text.hpp"
#include "report/html_parts.hpp"
#include "report/markup.hpp"

namespace loadline {
namespace {

std::string capitalised(std::string text) {
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

}  // namespace

std::string churn_section(const RunResult& result) {
    const auto churn = churn_table(result);
    if (churn.columns.empty()) return {};
    std::vector<std::string> columns;
    for (const auto& name : churn.columns) {
        columns.push_back((columns.empty() ? "<" : "") + capitalised(name));
    }
    HtmlTable table{"Churn", columns};
    for (const auto& row : churn.rows) table.add(row);
    auto out = heading("Churn", capitalised(churn.title) + ".") + table.text();
    for (const auto& text : churn.sentences) out += note(text);
    if (!churn.doubt.empty()) {
        out += fmt::format("<p class=\"note\"><strong class=\"invalid\">Note</strong> {}</p>\n",
                           escape_html(churn.doubt));
    }
    return out;
}

}  // namespace loadline
