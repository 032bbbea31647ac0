#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace loadline {

/// The text as it may stand in HTML, between tags and in quoted attributes; what is not
/// printable is replaced first.
std::string escape_html(std::string_view text);

/// The text as it may stand in Markdown, in a table's cell too: what Markdown or HTML would
/// obey is escaped, what is not printable is replaced first.
std::string escape_markdown(std::string_view text);

/// JSON as it may stand inside <script type="application/json">: no "</" and no "<!--".
std::string escape_script(std::string json);

/// `text` with each {{name}} replaced by its value, once: values are not looked at again.
/// A name that is not known stays.
std::string fill(std::string_view text, const std::map<std::string_view, std::string_view>& values);

/// The arguments as one line to show: quoted where a shell needs it, with the scenario's
/// secrets, passwords in URLs and the values of headers that carry credentials as ***.
std::string shown_arguments(const std::vector<std::string>& arguments,
                            const std::vector<std::string>& secrets);

/// A table in HTML. Text cells are escaped here; the caller hands plain text.
class HtmlTable {
public:
    /// `caption` is read out; a column whose name begins with "<" is flush left and may wrap.
    HtmlTable(std::string_view caption, const std::vector<std::string>& columns);

    /// The first cell heads the row. `classes` is the row's.
    void add(const std::vector<std::string>& cells, std::string_view classes = {},
             std::string_view tone = {}, std::size_t toned = std::string_view::npos);
    std::string text() const;

private:
    std::string caption_;
    std::vector<bool> left_;
    std::string head_, rows_;
};

}  // namespace loadline
