package android.view;

public class View {
  public View(android.content.Context context) {}
  public native float getRotation();
  public native void setRotation(float rotation);
}
