import javax.inject.Inject

plugins {
    id("com.android.application")
}

android {
    namespace = "dev.fau"
    compileSdk = 36
    defaultConfig {
        applicationId = "dev.fau.sample"
        minSdk = 24 // LiteRT 2.3's
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }
    // A compressed asset can't be mapped into memory.
    androidResources { noCompress += listOf("tflite", "task") }
    sourceSets.named("main") { kotlin.directories += "../kotlin" }
}

/** Copies the models, what describes them and their license into the app's assets. */
abstract class FauAssets : DefaultTask() {
    @get:InputFiles
    abstract val files: ConfigurableFileCollection

    @get:OutputDirectory
    abstract val folder: DirectoryProperty

    @get:Inject
    abstract val system: FileSystemOperations

    @TaskAction
    fun copy() {
        system.sync {
            from(files)
            into(folder)
        }
    }
}

val shipped = Regex("fau_.*\\.(tflite|json)|face_landmarker\\.task|LICENSE|NOTICE")

androidComponents {
    onVariants { variant ->
        val assets = tasks.register<FauAssets>("${variant.name}FauAssets") {
            files.from(rootDir.walk().maxDepth(1).filter { it.name.matches(shipped) }.toList())
        }
        variant.sources.assets?.addGeneratedSourceDirectory(assets, FauAssets::folder)
    }
}

dependencies {
    implementation("com.google.ai.edge.litert:litert:2.3.0")
    implementation("com.google.ai.edge.litert:litert-gpu:2.3.0") // without it there is no GPU
    val camera = "1.6.1"
    implementation("androidx.camera:camera-camera2:$camera")
    implementation("androidx.camera:camera-lifecycle:$camera")
    implementation("androidx.camera:camera-view:$camera")
    implementation("androidx.activity:activity:1.10.1")
    implementation("androidx.core:core:1.16.0")
}
