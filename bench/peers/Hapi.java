// HAPI HL7v2 on the messages of bench/j2.sh: parse each with the default
// parser, read the fields that a dose is made of. Prints messages per CPU
// second, the first tenth left out as warm-up.
import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.util.Terser;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

public class Hapi {
    static final String[] FIELDS = {"MSH-4", "MSH-7", "MSH-10", "/.PID-3", "/.PID-5-1", "/.PID-5-2", "/.PID-7", "/.PID-8", "/.PID-10", "/.PID-11-1",
        "/.PID-11-5", "/.PID-22", "/.ORC-3", "/.RXA-3", "/.RXA-5-1", "/.RXA-9", "/.RXA-11-4", "/.RXA-15", "/.RXA-16", "/.RXA-17", "/.RXA-20",
        "/.RXA-21", "/.RXR-1", "/.RXR-2"};

    public static void main(String[] args) throws Exception {
        String[] messages = Files.readString(Path.of(args[0]), StandardCharsets.UTF_8).split("(?=MSH\\|)");
        int n = Math.min(messages.length, Integer.parseInt(args[1]));
        var context = new DefaultHapiContext();
        context.setValidationContext(ValidationContextFactory.noValidation());
        var parser = context.getPipeParser();
        var os = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long start = 0, read = 0;
        for (int i = 0; i < n; i++) {
            if (i == n / 10) {
                start = os.getProcessCpuTime();
            }
            Message m = parser.parse(messages[i]);
            var terser = new Terser(m);
            for (String field : FIELDS) {
                String v = terser.get(field);
                read += v == null ? 0 : v.length();
            }
        }
        double seconds = (os.getProcessCpuTime() - start) / 1e9;
        System.out.printf("HAPI HL7v2: %.0f messages/CPU-s (%d characters read)%n", (n - n / 10) / seconds, read);
    }
}
