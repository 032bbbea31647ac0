#include "plan/csv.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace loadline {
namespace {

/// Reads records one by one and counts lines.
class CsvReader {
public:
    explicit CsvReader(std::string_view text) : text_{text} {}

    bool done() const { return at_ == text_.size(); }
    std::size_t line() const { return line_; }

    /// The next record; false when a quote is not closed or text follows a closed one.
    bool read(std::vector<std::string>& fields) {
        fields.clear();
        while (true) {
            fields.emplace_back();
            if (!read_field(fields.back())) return false;
            if (done() || text_[at_] != ',') break;
            ++at_;
        }
        if (!done() && text_[at_] == '\r') ++at_;
        if (!done() && text_[at_] != '\n') return false;
        if (!done()) ++at_;
        ++line_;
        return true;
    }

private:
    bool read_field(std::string& field) {
        if (done() || text_[at_] != '"') {
            const auto end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
            field = text_.substr(at_, end - at_);
            at_ = end;
            return field.find('"') == std::string::npos;
        }
        for (++at_; !done(); ++at_) {
            if (text_[at_] == '"' && text_.substr(at_, 2) != "\"\"") {
                ++at_;
                return true;
            }
            if (text_[at_] == '"') ++at_;
            if (text_[at_] == '\n') ++line_;
            field += text_[at_];
        }
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0, line_ = 1;
};

bool is_blank(const std::vector<std::string>& fields) {
    return fields.size() == 1 && fields[0].empty();
}

}  // namespace

Result<CsvTable> parse_csv(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    CsvTable table;
    CsvReader reader{text};
    std::vector<std::string> fields;
    while (!reader.done()) {
        const auto line = reader.line();
        if (!reader.read(fields)) {
            return usage_error(fmt::format("line {} has a quote that does not fit", line));
        }
        if (is_blank(fields)) continue;
        if (table.columns.empty()) {
            table.columns = fields;
            for (auto& column : fields) {
                if (std::count(table.columns.begin(), table.columns.end(), column) > 1) {
                    return usage_error(fmt::format("two columns are called \"{}\"", column));
                }
            }
        } else if (fields.size() != table.columns.size()) {
            return usage_error(fmt::format("line {} has {} fields, but the header has {}", line,
                                           fields.size(), table.columns.size()));
        } else {
            table.rows.push_back(fields);
        }
    }
    if (table.columns.empty()) return usage_error("the file is empty");
    if (table.rows.empty()) return usage_error("the file has a header, but no records");
    return table;
}

}  // namespace loadline
