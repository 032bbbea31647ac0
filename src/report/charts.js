// What all charts of a report share: figures for people, axes, marks, drawing with Dygraphs, and
// moving together. page.js draws the charts with it; page.html wraps both into one function.
// An error of any script is kept in <body data-error>.

window.addEventListener('error', function (event) {
    document.body.dataset.error = (document.body.dataset.error || '') + event.message + '\n';
});

const data = JSON.parse(document.getElementById('data').textContent);
const charts = [];    // {graph, colours(), group}
const synchronised = [];

function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
}

// ---- figures for people

function digits(value) {
    return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
function trimmed(text) { return text.includes('.') ? text.replace(/\.?0+$/, '') : text; }
function latency(ms) {
    if (ms === 0) return '0';
    if (ms < 0.9995) return digits(ms * 1e3) + ' µs';
    if (ms < 999.5) return digits(ms) + ' ms';
    return digits(ms / 1e3) + ' s';
}
function shortLatency(ms) { return latency(ms).replace(/\.0+ /, ' ').replace(/(\.\d*[1-9])0+ /, '$1 '); }
function number(value) {
    const text = value >= 1000 ? value.toFixed(0) : trimmed(value.toFixed(value >= 100 ? 1 : 2));
    return value >= 10000 ? text.replace(/\B(?=(\d{3})+$)/g, '\u202f') : text;
}
function clock(seconds) {
    const whole = Math.round(seconds * 100) / 100;
    if (data.length_s <= 120) return trimmed(whole.toFixed(2)) + ' s';
    const two = function (n) { return String(Math.floor(n)).padStart(2, '0'); };
    const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
    return (h ? h + ':' + two(m) : m) + ':' + two(whole % 60);
}
function percentile(x) {  // of x = 1 / (1 - p)
    const p = 100 * (1 - 1 / x);
    const places = Math.max(0, Math.ceil(Math.log10(x) - 2 - 1e-9));
    return trimmed(p.toFixed(places + (x < 100 ? 1 : 0))) + ' %';
}

// ---- axes

function timeTicks(low, high, pixels) {
    const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
    const most = Math.max(2, pixels / 80);
    const step = steps.find(function (s) { return (high - low) / s <= most; }) || 172800;
    const ticks = [];
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) ticks.push({v: v, label: clock(v)});
    return ticks;
}
function logTicks(format, spacing) {
    return function (low, high, pixels) {
        const decades = Math.log10(high / low);
        const per = pixels / Math.max(decades, 0.01);
        const parts = per > spacing * 9 && decades < 1 ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : per > spacing * 3 ? [1, 2, 5] : [1];
        const every = Math.max(1, Math.ceil(spacing / per));
        const ticks = [];
        for (let d = Math.floor(Math.log10(low)); d <= Math.ceil(Math.log10(high)); ++d) {
            if (d % every) continue;
            for (const part of parts) {
                const v = part * Math.pow(10, d);
                if (v >= low * 0.999 && v <= high * 1.001) ticks.push({v: v, label: format(v)});
            }
        }
        return ticks;
    };
}

// ---- marks under and over the lines

function shadeSpan(ctx, area, graph, from, to, fill) {
    const left = Math.max(area.x, graph.toDomXCoord(from));
    const right = Math.min(area.x + area.w, Math.max(graph.toDomXCoord(to), left + 2));
    if (right <= left) return;
    ctx.fillStyle = fill;
    ctx.fillRect(left, area.y, right - left, area.h);
}
function markUnanswered(ctx, area, graph) {
    for (const [from, to] of data.unanswered) {
        ctx.globalAlpha = 0.13;
        shadeSpan(ctx, area, graph, from, to, colour('fail'));
        ctx.globalAlpha = 1;
        shadeSpan(ctx, {x: area.x, w: area.w, y: area.y, h: 4}, graph, from, to, colour('fail'));
    }
}
function markPhases(ctx, area, graph) {
    for (const [from, to] of data.phases) shadeSpan(ctx, area, graph, from, to, colour('shade'));
}
function markLimit(ctx, area, graph, limit, text) {
    if (!limit) return;
    const y = graph.toDomYCoord(limit);
    if (!(y >= area.y && y <= area.y + area.h)) return;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour('fail');
    ctx.setLineDash([6, 4]);
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(area.x, y);
    ctx.lineTo(area.x + area.w, y);
    ctx.stroke();
    ctx.font = '12px system-ui, sans-serif';
    ctx.fillText(text, area.x + 6, y > area.y + 18 ? y - 5 : y + 14);
    ctx.restore();
}

function markLoad(ctx, area, graph, load, ink, width, dash) {
    const x = graph.toDomXCoord(load);
    if (!(x >= area.x && x <= area.x + area.w)) return;
    ctx.save();
    ctx.strokeStyle = ink;
    ctx.lineWidth = width;
    ctx.setLineDash(dash || []);
    ctx.beginPath();
    ctx.moveTo(x, area.y);
    ctx.lineTo(x, area.y + area.h);
    ctx.stroke();
    ctx.restore();
}

// ---- a chart

function element(tag, text, parent) {
    const node = document.createElement(tag);
    if (text) node.textContent = text;
    parent.appendChild(node);
    return node;
}

function showLegend(figure, series, values, when) {
    const legend = figure.querySelector('.legend');
    legend.textContent = '';
    if (when) element('span', when, legend);
    for (const line of series) {
        const item = element('span', '', legend);
        const mark = element('i', line.form, item);
        if (line.form) mark.className = 'form';
        mark.style.color = mark.style.borderTopColor = colour(line.colour);
        mark.style.borderTopStyle = line.dash ? 'dashed' : 'solid';
        item.append(line.name + (values ? ' ' + (values[line.name] === undefined ? '–' : values[line.name]) : ''));
    }
}

// series: [{name, colour, dash, width, values}]; x: shared values; option: what Dygraph takes beside.
// marks: entries of the legend alone; describe(row): what the legend says instead of the values of a row.
function draw(id, x, series, option, formatX, formatY, marks, describe) {
    const figure = document.getElementById(id);
    if (!figure) return null;
    const rows = x.map(function (at, i) { return [at].concat(series.map(function (s) { return s.values[i]; })); });
    const colours = function () {
        return {
            colors: series.map(function (s) { return colour(s.colour); }),
            gridLineColor: colour('line'), axisLineColor: colour('line')
        };
    };
    const entries = series.concat(marks || []);
    const each = {};
    for (const s of series) {
        each[s.name] = {strokePattern: s.dash || null, strokeWidth: s.width === undefined ? 1.6 : s.width};
        Object.assign(each[s.name], s.option || {});
    }
    const options = Object.assign({
        labels: ['x'].concat(series.map(function (s) { return s.name; })),
        legend: 'never', series: each, rightGap: 12, xRangePad: 0, gridLineWidth: 0.6, axisLineWidth: 0.6,
        highlightCircleSize: 3.5, connectSeparatedPoints: false, labelsKMB: false,
        highlightCallback: function (event, at, points) {
            if (describe) return describe(figure.querySelector('.legend'), points[0].idx);
            const values = {};
            for (const p of points) if (p.yval !== null && !isNaN(p.yval)) values[p.name] = formatY(p.yval);
            showLegend(figure, series, values, formatX(at));
        },
        unhighlightCallback: function () { showLegend(figure, entries); }
    }, colours(), option);
    const graph = new Dygraph(figure.querySelector('.chart'), rows, options);
    charts.push({graph: graph, colours: colours, figure: figure, redraw: function () { showLegend(figure, entries); }});
    showLegend(figure, entries);
    return graph;
}

function addTools(id, graph, logarithmic, x) {
    const caption = document.getElementById(id).querySelector('figcaption');
    const tools = element('span', '', caption);
    if (logarithmic !== undefined) {
        const label = element('label', '', tools);
        const box = element('input', '', label);
        box.type = 'checkbox';
        box.checked = logarithmic;
        label.append(' logarithmic ');
        box.addEventListener('change', function () { graph.updateOptions(latencyAxis(box.checked, x)); });
    }
    const reset = element('button', 'whole range', tools);
    reset.type = 'button';
    reset.title = 'Drag in the chart to zoom; this, or a double click, shows all again';
    reset.addEventListener('click', function () { graph.resetZoom(); });
}

const linear = Dygraph.numericLinearTicks || Dygraph.numericTicks;
const timeAxis = {ticker: timeTicks, axisLabelFormatter: clock, drawGrid: false};
function latencyAxis(logarithmic, x) {
    return {
        logscale: logarithmic,
        includeZero: !logarithmic,
        axes: {
            x: x,
            y: {
                ticker: logarithmic ? logTicks(shortLatency, 22) : linear,
                axisLabelFormatter: shortLatency, axisLabelWidth: 62, logscale: logarithmic
            }
        }
    };
}

// ---- charts over time move together

function nearestRow(graph, at) {
    let low = 0, high = graph.numRows() - 1;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (graph.getValue(middle, 0) < at) low = middle + 1; else high = middle;
    }
    return low;
}
function synchronise(graphs) {
    let busy = false;
    for (const graph of graphs) {
        const highlight = graph.getFunctionOption('highlightCallback');
        const unhighlight = graph.getFunctionOption('unhighlightCallback');
        const others = graphs.filter(function (g) { return g !== graph; });
        graph.updateOptions({
            drawCallback: function (me, initial) {
                if (busy || initial) return;
                busy = true;
                const range = me.isZoomed('x') ? me.xAxisRange() : null;
                for (const other of others) {
                    const now = other.xAxisRange();
                    if (!range && !other.isZoomed('x')) continue;
                    if (range && now[0] === range[0] && now[1] === range[1]) continue;
                    if (range) other.updateOptions({dateWindow: range}); else other.resetZoom();
                }
                busy = false;
            },
            highlightCallback: function (event, at, points, row, name) {
                highlight.call(this, event, at, points, row, name);
                if (busy) return;
                busy = true;
                for (const other of others) other.setSelection(nearestRow(other, at), undefined, undefined, true);
                busy = false;
            },
            unhighlightCallback: function (event) {
                unhighlight.call(this, event);
                if (busy) return;
                busy = true;
                for (const other of others) other.clearSelection();
                busy = false;
            }
        }, true);
    }
}
