package androidx.camera.core;

public final class ImageAnalysis extends UseCase {
  public static final int STRATEGY_KEEP_ONLY_LATEST = 0;
  public static final int OUTPUT_IMAGE_FORMAT_YUV_420_888 = 1;

  public interface Analyzer {
    void analyze(ImageProxy image);
  }

  public static final class Builder {
    public native Builder setBackpressureStrategy(int strategy);
    public native Builder setOutputImageFormat(int outputImageFormat);
    public native ImageAnalysis build();
  }

  public native void setAnalyzer(java.util.concurrent.Executor executor, Analyzer analyzer);
}
