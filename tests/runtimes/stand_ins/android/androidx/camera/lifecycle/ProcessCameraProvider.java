package androidx.camera.lifecycle;

import androidx.camera.core.Camera;
import androidx.camera.core.CameraSelector;
import androidx.camera.core.UseCase;
import androidx.lifecycle.LifecycleOwner;

public final class ProcessCameraProvider {
  public static native com.google.common.util.concurrent.ListenableFuture<ProcessCameraProvider> getInstance(
      android.content.Context context);
  public native Camera bindToLifecycle(LifecycleOwner owner, CameraSelector selector, UseCase... useCases);
}
