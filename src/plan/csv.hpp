#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace loadline {

/// A CSV file: a header with the names of the columns, then one record or more.
struct CsvTable {
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;  ///< each as long as `columns`
};

/// Reads RFC 4180: commas, double quotes, LF or CRLF; empty lines are passed over. The
/// error says what is wrong and in which line, not in which file.
Result<CsvTable> parse_csv(std::string_view text);

}  // namespace loadline
