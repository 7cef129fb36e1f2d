package android.widget;

public class ImageView extends android.view.View {
  public ImageView(android.content.Context context) { super(context); }
  public native void setImageBitmap(android.graphics.Bitmap bitmap);
}
