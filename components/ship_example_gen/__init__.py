"""Ingestion: a folder of images and a CSV become tf.Examples with labels and measured quality."""
