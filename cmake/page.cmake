# Embeds the parts of report.html (src/report/page.*, dygraphs) into the room `report`,
# so that the program writes the page without looking for a file.

set(page_parts ${CMAKE_BINARY_DIR}/generated/page_parts.cpp)
set(page_sources
    page_html=${CMAKE_SOURCE_DIR}/src/report/page.html
    page_css=${CMAKE_SOURCE_DIR}/src/report/page.css
    charts_js=${CMAKE_SOURCE_DIR}/src/report/charts.js
    page_js=${CMAKE_SOURCE_DIR}/src/report/page.js
    dygraphs_css=${DYGRAPHS_CSS}
    dygraphs_js=${DYGRAPHS_JS})
list(TRANSFORM page_sources REPLACE "^[^=]*=" "" OUTPUT_VARIABLE page_files)

add_custom_command(OUTPUT ${page_parts}
    COMMAND ${CMAKE_COMMAND} "-DPARTS=${page_sources}" -DOUTPUT=${page_parts}
        -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${page_files} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "Embedding the report page" VERBATIM)
target_sources(report PRIVATE ${page_parts})
