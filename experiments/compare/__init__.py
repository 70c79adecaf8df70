"""What did training change between two models, where, and is it more than any training changes?"""
