package android.content.res;

public abstract class AssetManager {
  public abstract String[] list(String path) throws java.io.IOException;
  public abstract java.io.InputStream open(String fileName) throws java.io.IOException;
}
