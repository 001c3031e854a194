// app/build.gradle.kts of an app that reads AUs: the parts that matter. Not built by this project.
plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "dev.fau"
    compileSdk = 36
    defaultConfig {
        applicationId = "dev.fau.sample"
        minSdk = 28 // MediaPipe's; LiteRT 2.3 asks for 24
        targetSdk = 36
    }
    // A compressed asset can't be mapped into memory.
    androidResources { noCompress += listOf("tflite", "task") }
}

dependencies {
    implementation("com.google.ai.edge.litert:litert:2.3.0")
    implementation("com.google.ai.edge.litert:litert-gpu:2.3.0") // without it there is no GPU
    implementation("com.google.mediapipe:tasks-vision:1.0.0")
    val camera = "1.6.2"
    implementation("androidx.camera:camera-camera2:$camera")
    implementation("androidx.camera:camera-lifecycle:$camera")
    implementation("androidx.camera:camera-view:$camera")
    implementation("androidx.activity:activity-ktx:1.10.1")
}
