package androidx.camera.core;

public interface ImageProxy extends AutoCloseable {
  interface PlaneProxy {
    int getRowStride();
    int getPixelStride();
    java.nio.ByteBuffer getBuffer();
  }

  void close();
  int getHeight();
  int getWidth();
  PlaneProxy[] getPlanes();
  ImageInfo getImageInfo();
}
