import java.lang.reflect.Field;

/** Starts DynamoDB Local on the loopback interface: by itself it listens on every one and has no option for it. */
public class DdbLoopback {
  public static void main(String[] args) throws Exception {
    Object server = Class.forName("software.amazon.dynamodb.services.local.main.ServerRunner")
        .getMethod("createServerFromCommandLineArgs", String[].class)
        .invoke(null, (Object) args);
    int bound = 0;
    for (Field field : server.getClass().getDeclaredFields()) {
      if (!field.getType().getName().equals("org.eclipse.jetty.server.Server")) continue;
      field.setAccessible(true);
      Object jetty = field.get(server);
      for (Object connector : (Object[]) jetty.getClass().getMethod("getConnectors").invoke(jetty)) {
        connector.getClass().getMethod("setHost", String.class).invoke(connector, "127.0.0.1");
        bound++;
      }
    }
    if (bound == 0) throw new IllegalStateException("no Jetty connector found");
    server.getClass().getMethod("start").invoke(server);
    server.getClass().getMethod("join").invoke(server);
  }
}
