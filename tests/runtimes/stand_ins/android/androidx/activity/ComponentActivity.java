package androidx.activity;

import androidx.activity.result.ActivityResultCallback;
import androidx.activity.result.ActivityResultLauncher;
import androidx.activity.result.contract.ActivityResultContract;

public abstract class ComponentActivity extends android.content.Context
    implements androidx.lifecycle.LifecycleOwner {
  protected native void onCreate(android.os.Bundle savedInstanceState);
  protected native void onDestroy();
  public native void setContentView(android.view.View view);
  public final native void runOnUiThread(Runnable action);
  public final native <I, O> ActivityResultLauncher<I> registerForActivityResult(
      ActivityResultContract<I, O> contract, ActivityResultCallback<O> callback);
  public native android.content.res.AssetManager getAssets();
  public native java.io.File getFilesDir();
  public native java.util.concurrent.Executor getMainExecutor();
}
