package android.graphics;

public final class Bitmap {
  public enum Config { ARGB_8888 }

  public static native Bitmap createBitmap(int[] colors, int width, int height, Config config);
}
