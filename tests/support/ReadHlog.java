import java.util.TreeMap;
import org.HdrHistogram.EncodableHistogram;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogReader;

/** Prints what HdrHistogram's own reader finds in a log: one line per tag, as hlog_percentiles.cpp. */
public class ReadHlog {
    static final double[] PERCENTS = {25, 50, 75, 90, 99, 99.9, 99.99, 99.999, 100};

    public static void main(String[] args) throws Exception {
        TreeMap<String, Histogram> totals = new TreeMap<>();
        TreeMap<String, Integer> rows = new TreeMap<>();
        HistogramLogReader reader = new HistogramLogReader(args[0]);
        for (EncodableHistogram next; (next = reader.nextIntervalHistogram()) != null; ) {
            long millis = next.getEndTimeStamp() - next.getStartTimeStamp();
            if (millis != 1000) throw new Exception("an interval of " + millis + " ms");
            totals.computeIfAbsent(next.getTag(), t -> new Histogram(1, 3_600_000_000_000L, 3)).add((Histogram) next);
            rows.merge(next.getTag(), 1, Integer::sum);
        }
        totals.forEach((tag, total) -> {
            StringBuilder line = new StringBuilder(tag + " rows " + rows.get(tag) + " count " + total.getTotalCount());
            for (double percent : PERCENTS) {
                line.append(' ').append(total.lowestEquivalentValue(total.getValueAtPercentile(percent)));
            }
            System.out.println(line);
        });
    }
}
